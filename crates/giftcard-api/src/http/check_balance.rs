//! POST /cards/balance: what a card has left.

use axum::{extract::State, response::IntoResponse};
use platform::http::{ClientAddress, Json};
use serde::Deserialize;

use super::{Handled, auth::MerchantAuth, no_store};
use crate::{actions::balance::balance, attempts::Asker, service::Shared};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    code: String,
}

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
