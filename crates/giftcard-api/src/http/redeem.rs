//! POST /redemptions: a till redeems a card, in whole or in part.

use axum::{extract::State, response::IntoResponse};
use ledger::Money;
use platform::{document::IdempotencyHeader, http::Idempotent};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Handled, auth::MerchantAuth, no_store};
use crate::{
    actions::redeem::{Redeem, Which, redeem},
    service::Shared,
    views::RedemptionView,
};

/// What a till takes off a card.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRedemption)]
pub(crate) struct Body {
    /// As typed: hyphens, blanks and case do not matter.
    #[schema(min_length = 27, max_length = 100, example = "0000-0000-0000-0000-0000-0000-000")]
    code: String,
    /// How much.
    #[schema(schema_with = platform::document::amount::<1, 100_000_000_000>)]
    amount: Money,
    /// The till's own name for it, for this merchant alone.
    #[schema(min_length = 1, max_length = 128, pattern = "^[!-~]+$", example = "receipt-17")]
    external_id: String,
}

/// Takes an amount off a card.
#[utoipa::path(
    post, path = "/redemptions", tag = "Tills", operation_id = "redeem",
    security(("merchant" = [])),
    params(IdempotencyHeader),
    request_body = Body,
    responses(
        (status = 201, description = "The redemption, with what is left", body = RedemptionView),
        (status = 404, description = "`card_not_found`: no card of this merchant has this code"),
        (status = 409, description = "`card_exhausted`: nothing is left. `card_expired`: its time is over. `card_voided`: it was voided. `insufficient_balance`: it has less left; `available` says how much. `external_id_used`: it is that of another redemption; `redemption_id` says of which. `merchant_closed`: the merchant has closed"),
        (status = 422, description = "`currency_mismatch`: the card is in another currency"),
        (status = 429, description = "`too_many_requests`: too many codes were not found, or the quota is used up"),
    )
)]
pub(crate) async fn handle(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Idempotent { key, body }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    let Body { code, amount, external_id } = body;
    let request = Redeem { card: Which::Code(code), amount, external_id };
    Ok(no_store(redeem(&service, merchant, request, &key).await?))
}
