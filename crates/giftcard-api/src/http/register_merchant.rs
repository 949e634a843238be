//! POST /merchants: an administrator registers a merchant.

use axum::{extract::State, response::IntoResponse};
use platform::http::Idempotent;
use serde::Deserialize;

use super::{Handled, auth::Admin};
use crate::{
    actions::register_merchant::{NewMerchant, register_merchant},
    service::Shared,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    name: String,
    email: String,
    payout_destination: String,
}

pub(crate) async fn handle(
    _: Admin,
    State(service): State<Shared>,
    Idempotent { key, body }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    let Body { name, email, payout_destination } = body;
    let new = NewMerchant { name, email, payout_destination };
    Ok(register_merchant(&service, new, &key).await?)
}
