//! /admin/…: what the operator does by hand. Each of them says why.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use ledger::Money;
use platform::{
    document::{IdempotencyHeader, PageQuery},
    http::{Idempotent, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Handled, auth::Admin, id, list::List};
use crate::{
    actions::{
        accept_transfer::{Accepted, accept_transfer},
        cancel_settlement::{Cancelled, cancel_settlement},
        void_card::{Voided, void_card},
    },
    domain::ids::{CardId, MerchantId, SettlementId},
    error::Error,
    service::Shared,
    store::unmatched::{self, Unmatched},
    views::{Page, rfc3339},
};

/// Why the operator does something.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Note)]
pub(crate) struct Body {
    /// Why, for those who come after.
    #[schema(min_length = 1, max_length = 500, example = "looked into with the bank")]
    pub(crate) note: String,
}

/// A transfer that nothing explains.
#[derive(Serialize, ToSchema)]
struct SuspenseView {
    /// The provider's id.
    provider_id: String,
    /// The reference that it carries.
    provider_ref: String,
    /// The merchant that got the money, as far as we can tell.
    merchant_id: Option<MerchantId>,
    /// How much left.
    amount: Money,
    /// Why nothing explains it.
    reason: String,
    /// Since when it is known.
    #[schema(format = DateTime)]
    found_at: String,
    /// When the money came back; until then it is in suspense.
    #[schema(format = DateTime)]
    reversed_at: Option<String>,
}

/// Lists transfers that nothing explains and nobody has looked into.
///
/// In the order of the provider's ids.
#[utoipa::path(
    get, path = "/admin/suspense", tag = "Operation", operation_id = "listSuspense",
    security(("operator" = [])),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of transfers", body = Page<SuspenseView>),
    )
)]
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

/// Says that a transfer was looked into.
///
/// It stays in suspense, and blocks its merchant no longer.
#[utoipa::path(
    post, path = "/admin/suspense/{provider_id}/accept", tag = "Operation", operation_id = "acceptTransfer",
    security(("operator" = [])),
    params(("provider_id" = String, Path, description = "The provider's id of the transfer"), IdempotencyHeader),
    request_body = Body,
    responses(
        (status = 200, description = "What it had blocked", body = Accepted),
        (status = 409, description = "`transfer_accepted`: somebody has said so already"),
    )
)]
pub(crate) async fn accept(
    _: Admin,
    State(service): State<Shared>,
    Path(provider_id): Path<String>,
    Idempotent { key, body }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    Ok(accept_transfer(&service, &provider_id, &body.note, &key).await?)
}

/// Gives a failed settlement up.
///
/// Its lines wait for another one.
#[utoipa::path(
    post, path = "/admin/settlements/{id}/cancel", tag = "Operation", operation_id = "cancelSettlement",
    security(("operator" = [])),
    params(("id" = SettlementId, Path, description = "The settlement"), IdempotencyHeader),
    request_body = Body,
    responses(
        (status = 200, description = "The settlement", body = Cancelled),
        (status = 409, description = "`attempt_live`: an attempt may still come to an end by itself. `settlement_ended`: it is over; `state` says how. `merchant_blocked`: money that nothing explains has to be looked into first"),
    )
)]
pub(crate) async fn cancel(
    _: Admin,
    State(service): State<Shared>,
    Path(settlement): Path<String>,
    Idempotent { key, body }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    let settlement = id(&settlement, "settlement")?;
    Ok(cancel_settlement(&service, settlement, &body.note, &key).await?)
}

/// Voids a card.
///
/// What it has left goes back to the host.
#[utoipa::path(
    post, path = "/admin/cards/{id}/void", tag = "Operation", operation_id = "voidCard",
    security(("operator" = [])),
    params(("id" = CardId, Path, description = "The card"), IdempotencyHeader),
    request_body = Body,
    responses(
        (status = 200, description = "The card", body = Voided),
        (status = 409, description = "`card_voided`: it was voided already. `card_exhausted`: nothing is left. `card_expired`: its time is over. `card_authorised`: a till has set some of it aside; `authorised` says how much"),
    )
)]
pub(crate) async fn void(
    _: Admin,
    State(service): State<Shared>,
    Path(card): Path<String>,
    Idempotent { key, body }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    Ok(void_card(&service, id(&card, "card")?, &body.note, &key).await?)
}
