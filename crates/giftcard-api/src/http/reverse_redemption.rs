//! POST /redemptions/{id}/reversals: takes a redemption back, in whole or in part.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use ledger::Money;
use platform::{document::IdempotencyHeader, http::Idempotent};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Handled, auth::MerchantAuth, id, no_store};
use crate::{
    actions::reverse::reverse, domain::ids::RedemptionId, service::Shared, views::ReversalView,
};

/// What of it is taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewReversal)]
pub(crate) struct Body {
    /// All that is left of it, if absent.
    #[serde(default)]
    #[schema(schema_with = super::authorisations::optional_amount)]
    amount: Option<Money>,
}

/// Takes a redemption back.
///
/// All that is left of it unless an amount is given; it goes back to the card.
#[utoipa::path(
    post, path = "/redemptions/{id}/reversals", tag = "Tills", operation_id = "reverseRedemption",
    security(("merchant" = [])),
    params(("id" = RedemptionId, Path, description = "The redemption"), IdempotencyHeader),
    request_body = Body,
    responses(
        (status = 201, description = "The reversal", body = ReversalView),
        (status = 409, description = "`reversal_too_large`: less of it is left; `left` says how much. `card_expired`: the card's time is over. `card_voided`: the card was voided. `merchant_closed`: the merchant has closed"),
        (status = 422, description = "`currency_mismatch`: the card is in another currency"),
    )
)]
pub(crate) async fn handle(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Path(redemption): Path<String>,
    Idempotent { key, body }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    let redemption = id(&redemption, "redemption")?;
    Ok(no_store(reverse(&service, merchant, redemption, body.amount, &key).await?))
}
