//! PUT and DELETE /merchants/me/payout-destination, and PUT for the operator: where a merchant is paid.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use platform::http::Json;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Handled,
    auth::{Admin, MerchantAuth},
    id, no_store,
};
use crate::{
    actions::payout_destination::{DestinationView, keep_destination, name_destination},
    domain::ids::MerchantId,
    service::Shared,
};

/// Where to pay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDestination)]
pub(crate) struct Body {
    /// In the provider's terms, such as an account's id.
    #[schema(min_length = 1, max_length = 200, pattern = "^[!-~]+$", example = "acct_corner_cafe")]
    destination: String,
}

/// Where to pay a merchant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDestinationFor)]
pub(crate) struct OperatorBody {
    /// In the provider's terms, such as an account's id.
    #[schema(min_length = 1, max_length = 200, pattern = "^[!-~]+$", example = "acct_corner_cafe")]
    destination: String,
    /// Why, for those who come after.
    #[schema(min_length = 1, max_length = 500, example = "looked into with the bank")]
    note: String,
}

/// Names where settlements go.
///
/// A new destination counts after a cooling-off time, so that whoever stole a token cannot take the
/// money unseen; until then the old one stays in force.
#[utoipa::path(
    put, path = "/merchants/me/payout-destination", tag = "Merchants", operation_id = "namePayoutDestination",
    security(("merchant" = [])),
    request_body = Body,
    responses(
        (status = 200, description = "The destination in force, and the next one", body = DestinationView),
    )
)]
pub(crate) async fn name(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Json(body): Json<Body>,
) -> Handled<impl IntoResponse> {
    let named = name_destination(&service, merchant, &body.destination, None).await?;
    Ok(no_store(Json(named)))
}

/// Takes back a destination that is cooling off.
///
/// The one in force stays in force.
#[utoipa::path(
    delete, path = "/merchants/me/payout-destination", tag = "Merchants", operation_id = "keepPayoutDestination",
    security(("merchant" = [])),
    responses(
        (status = 200, description = "The destination in force", body = DestinationView),
        (status = 503, description = "`unavailable`: something else was faster; try again"),
    )
)]
pub(crate) async fn keep(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
) -> Handled<impl IntoResponse> {
    Ok(no_store(Json(keep_destination(&service, merchant).await?)))
}

/// Names where a merchant's settlements go.
///
/// With the same cooling-off time as if the merchant did it.
#[utoipa::path(
    put, path = "/admin/merchants/{id}/payout-destination", tag = "Operation", operation_id = "namePayoutDestinationFor",
    security(("operator" = [])),
    params(("id" = MerchantId, Path, description = "The merchant")),
    request_body = OperatorBody,
    responses(
        (status = 200, description = "The destination in force, and the next one", body = DestinationView),
    )
)]
pub(crate) async fn name_for(
    _: Admin,
    State(service): State<Shared>,
    Path(merchant): Path<String>,
    Json(body): Json<OperatorBody>,
) -> Handled<impl IntoResponse> {
    let OperatorBody { destination, note } = body;
    let merchant = id(&merchant, "merchant")?;
    let named = name_destination(&service, merchant, &destination, Some(&note)).await?;
    Ok(no_store(Json(named)))
}
