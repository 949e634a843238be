//! /admin/…: what the operator does by hand. Each of them says why.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use ledger::Money;
use platform::http::{Idempotent, Json};
use serde::{Deserialize, Serialize};

use super::{Handled, auth::Admin, id, list::List};
use crate::{
    actions::{
        accept_transfer::accept_transfer, cancel_settlement::cancel_settlement,
        void_card::void_card,
    },
    domain::ids::MerchantId,
    error::Error,
    service::Shared,
    store::unmatched::{self, Unmatched},
    views::{Page, rfc3339},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    /// Why, for those who come after.
    pub(crate) note: String,
}

#[derive(Serialize)]
struct SuspenseView {
    provider_id: String,
    provider_ref: String,
    /// The merchant that got the money, as far as we can tell.
    merchant_id: Option<MerchantId>,
    amount: Money,
    reason: String,
    found_at: String,
    /// When the money came back; until then it is in suspense.
    reversed_at: Option<String>,
}

/// Transfers that nobody has looked into, in the order of the provider's ids.
pub(crate) async fn suspense(
    _: Admin,
    State(service): State<Shared>,
    list: List,
) -> Handled<impl IntoResponse> {
    let rows = unmatched::open(service.db.read(), list.after()?, list.limit + 1)
        .await
        .map_err(Error::from)?;
    let view = |row: Unmatched| {
        Ok(SuspenseView {
            amount: row.amount()?,
            provider_id: row.provider_id,
            provider_ref: row.provider_ref,
            merchant_id: row.merchant_id,
            reason: row.reason,
            found_at: rfc3339(row.found_at),
            reversed_at: row.reversed_at.map(rfc3339),
        })
    };
    Ok(Json(Page::of(rows, list.limit, |row| row.provider_id.clone(), view)?))
}

/// Accepts a transfer that nothing explains.
pub(crate) async fn accept(
    _: Admin,
    State(service): State<Shared>,
    Path(provider_id): Path<String>,
    Idempotent { key, body }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    Ok(accept_transfer(&service, &provider_id, &body.note, &key).await?)
}

/// Gives a failed settlement up.
pub(crate) async fn cancel(
    _: Admin,
    State(service): State<Shared>,
    Path(settlement): Path<String>,
    Idempotent { key, body }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    let settlement = id(&settlement, "settlement")?;
    Ok(cancel_settlement(&service, settlement, &body.note, &key).await?)
}

/// Voids a card: what it has left goes back to the host.
pub(crate) async fn void(
    _: Admin,
    State(service): State<Shared>,
    Path(card): Path<String>,
    Idempotent { key, body }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    Ok(void_card(&service, id(&card, "card")?, &body.note, &key).await?)
}
