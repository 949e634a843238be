//! POST /redemptions: a till redeems a card, in whole or in part.

use axum::{extract::State, response::IntoResponse};
use ledger::Money;
use platform::http::Idempotent;
use serde::Deserialize;

use super::{Handled, auth::MerchantAuth, no_store};
use crate::{
    actions::redeem::{Redeem, Which, redeem},
    service::Shared,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    code: String,
    amount: Money,
    external_id: String,
}

pub(crate) async fn handle(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Idempotent { key, body }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    let Body { code, amount, external_id } = body;
    let request = Redeem { card: Which::Code(code), amount, external_id };
    Ok(no_store(redeem(&service, merchant, request, &key).await?))
}
