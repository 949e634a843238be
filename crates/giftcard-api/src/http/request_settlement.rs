//! POST /settlements: the merchant asks to be paid what waits for it.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use ledger::Currency;
use platform::{
    document::IdempotencyHeader,
    http::{Idempotent, Json, Problem},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Handled, auth::MerchantAuth, no_store};
use crate::{
    actions::request_settlement::{Requested, request_settlement},
    error::Error,
    service::Shared,
    store::settlement,
    views::SettlementView,
};

/// What to be paid.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSettlement)]
pub(crate) struct Body {
    /// In which currency.
    currency: Currency,
}

/// Asks to be paid.
///
/// Everything that waits in one currency. A repeat answers with the state that the settlement has
/// by then.
#[utoipa::path(
    post, path = "/settlements", tag = "Settlements", operation_id = "requestSettlement",
    security(("merchant" = [])),
    params(IdempotencyHeader),
    request_body = Body,
    responses(
        (status = 202, description = "The settlement", body = SettlementView),
        (status = 409, description = "`nothing_to_settle`: too little waits; `carried` says how much. `merchant_blocked`: an operator has to look into something first"),
    )
)]
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
