//! POST /cards/balance: what a card has left.

use axum::{extract::State, response::IntoResponse};
use platform::http::{ClientAddress, Json};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Handled, auth::MerchantAuth, no_store};
use crate::{actions::balance::balance, attempts::Asker, service::Shared, views::BalanceView};

/// A card, by its code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CardCode)]
pub(crate) struct Body {
    /// As typed: hyphens, blanks and case do not matter.
    #[schema(min_length = 27, max_length = 100, example = "0000-0000-0000-0000-0000-0000-000")]
    code: String,
}

/// Tells what a card has left.
///
/// Only the card's own merchant, by its token, learns why it cannot be used. Who misses too often
/// waits.
#[utoipa::path(
    post, path = "/cards/balance", tag = "Cards", operation_id = "checkBalance",
    security((), ("merchant" = [])),
    request_body = Body,
    responses(
        (status = 200, description = "What is left", body = BalanceView),
        (status = 401, description = "`unauthorized`: a token was given, and it is none of ours"),
        (status = 404, description = "`card_not_found`: no card with a balance has this code"),
        (status = 429, description = "`too_many_requests`: too many codes were not found"),
    )
)]
pub(crate) async fn handle(
    merchant: Option<MerchantAuth>,
    address: ClientAddress,
    State(service): State<Shared>,
    Json(body): Json<Body>,
) -> Handled<impl IntoResponse> {
    let asker = match merchant {
        Some(MerchantAuth(merchant)) => Asker::Merchant(merchant),
        None => Asker::anonymous(address),
    };
    Ok(no_store(Json(balance(&service, asker, &body.code).await?)))
}
