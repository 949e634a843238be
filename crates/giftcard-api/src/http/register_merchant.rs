//! POST /merchants: an administrator registers a merchant.

use axum::{extract::State, response::IntoResponse};
use platform::{document::IdempotencyHeader, http::Idempotent};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Handled, auth::Admin};
use crate::{
    actions::register_merchant::{NewMerchant, register_merchant},
    service::Shared,
    views::MerchantView,
};

/// A merchant to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMerchant)]
pub(crate) struct Body {
    /// As shown to people.
    #[schema(min_length = 1, max_length = 120, example = "Corner Café")]
    name: String,
    /// Where we write to.
    #[schema(format = "email", max_length = 320, example = "till@example.org")]
    email: String,
    /// Where it is paid, in the provider's terms.
    #[schema(min_length = 1, max_length = 200, pattern = "^[!-~]+$", example = "acct_corner_cafe")]
    payout_destination: String,
}

/// Makes a merchant.
///
/// A merchant sells the gift cards that are prizes, takes them at its tills, and is paid for that.
/// It has no token yet: issue one.
#[utoipa::path(
    post, path = "/merchants", tag = "Merchants", operation_id = "registerMerchant",
    security(("operator" = [])),
    params(IdempotencyHeader),
    request_body = Body,
    responses(
        (status = 201, description = "The merchant", body = MerchantView),
    )
)]
pub(crate) async fn handle(
    _: Admin,
    State(service): State<Shared>,
    Idempotent { key, body }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    let Body { name, email, payout_destination } = body;
    let new = NewMerchant { name, email, payout_destination };
    Ok(register_merchant(&service, new, &key).await?)
}
