//! PUT and DELETE /merchants/me/payout-destination, and PUT for the operator: where a merchant is paid.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use platform::http::Json;
use serde::Deserialize;

use super::{
    Handled,
    auth::{Admin, MerchantAuth},
    id, no_store,
};
use crate::{
    actions::payout_destination::{keep_destination, name_destination},
    service::Shared,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    destination: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperatorBody {
    destination: String,
    /// Why, for those who come after.
    note: String,
}

pub(crate) async fn name(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Json(body): Json<Body>,
) -> Handled<impl IntoResponse> {
    let named = name_destination(&service, merchant, &body.destination, None).await?;
    Ok(no_store(Json(named)))
}

/// Takes back what is cooling off.
pub(crate) async fn keep(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
) -> Handled<impl IntoResponse> {
    Ok(no_store(Json(keep_destination(&service, merchant).await?)))
}

/// The operator names it, and waits like the merchant.
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
