//! POST /settlements: the merchant asks to be paid what waits for it.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use ledger::Currency;
use platform::http::{Idempotent, Json, Problem};
use serde::Deserialize;

use super::{Handled, auth::MerchantAuth, no_store};
use crate::{
    actions::request_settlement::{Requested, request_settlement},
    error::Error,
    service::Shared,
    store::settlement,
    views::SettlementView,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    currency: Currency,
}

/// A replay answers with the state that the settlement has by then.
pub(crate) async fn handle(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Idempotent { key, body }: Idempotent<Body>,
) -> Handled<Response> {
    let answer = request_settlement(&service, merchant, body.currency, &key).await?;
    if answer.status != StatusCode::ACCEPTED.as_u16() {
        return Ok(answer.into_response());
    }
    let Requested { id } = answer.read()?;
    let found = settlement::find(service.db.read(), id)
        .await
        .map_err(Error::from)?
        .ok_or_else(|| Problem::unexpected(anyhow::anyhow!("{id} was requested and is gone")))?;
    Ok(no_store((StatusCode::ACCEPTED, Json(SettlementView::new(found)?))))
}
