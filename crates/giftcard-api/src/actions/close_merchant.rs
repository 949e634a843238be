//! A merchant closes, for ever: no new prizes are made of its cards and none is redeemed. What they have
//! left goes back to the hosts, card by card; what the merchant is owed is still settled.

use ledger::{Currency, Money};
use platform::http::IdempotencyKey;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::once::{Begun, Once};
use crate::{
    domain::{
        card::CardState,
        ids::{CardId, MerchantId},
        note::note,
        product::ProductState,
        refusal::Refusal,
    },
    error::Result,
    service::Service,
    store::{
        event,
        merchant::{self, Merchant},
        operator_action, product,
        void::{self, Outcome},
    },
    views::{Page, rfc3339},
};

/// Outcomes that the answer to a closing shows at once.
const SHOWN: u64 = 100;

/// A merchant that has closed, and what becomes of its cards.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClosingView {
    /// The merchant.
    id: MerchantId,
    /// Since when its cards are void.
    #[schema(format = DateTime)]
    closed_at: String,
    /// The cards that had something left.
    cards: Page<CardOutcome>,
}

/// What becomes of a card.
#[derive(Serialize, ToSchema)]
pub(crate) struct CardOutcome {
    /// The card.
    card_id: CardId,
    /// How far it is.
    outcome: Outcomes,
    /// What went back to the host, or will.
    amount: Money,
}

/// What becomes of a card of a merchant that has closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcomes {
    /// The card is about to be voided.
    Pending,
    /// A till has set some of it aside; it is voided when that has ended.
    Authorised,
    /// The card is void, and the host is about to be credited.
    Voided,
    /// The host has the money.
    Credited,
}

/// Closes a merchant. `why` is the operator's reason; a merchant that closes itself needs none.
/// Closing again changes nothing.
///
/// # Errors
/// When there is no such merchant.
pub(crate) async fn close_merchant(
    service: &Service,
    id: MerchantId,
    why: Option<&str>,
    key: &IdempotencyKey,
) -> Result<ClosingView> {
    let why = why.map(note).transpose()?;
    if let Begun::Fresh(once) = Once::begin(service, id.0, "close_merchant", key).await? {
        let outcome = async {
            let (tx, now_ms) = (&once.tx, once.now_ms());
            merchant::lock(tx, id).await?.ok_or(Refusal::NotFound { what: "merchant" })?;
            if merchant::close(tx, id, now_ms).await? {
                for product in product::close_all(tx, id).await? {
                    let (from, to) = (Some(ProductState::Active), ProductState::Closed);
                    let reason = "the merchant has closed";
                    event::record_one(tx, product, from, to, reason, now_ms).await?;
                }
                if let Some(why) = why {
                    let subject = id.to_string();
                    operator_action::record(tx, "close_merchant", &subject, why, now_ms).await?;
                }
            }
            Ok(json!({ "id": id }))
        }
        .await;
        once.finish(http::StatusCode::ACCEPTED, outcome).await?;
        service.wakers.voids.wake();
    }
    show_closing(service, id, None, SHOWN).await
}

/// Refuses what a merchant that has closed does no more. The row is locked by whoever must not be
/// overtaken by the closing.
///
/// # Errors
/// Refused for a merchant that has closed.
pub(super) fn still_open(merchant: Option<&Merchant>) -> Result<(), Refusal> {
    match merchant.and_then(|merchant| merchant.closed_at) {
        Some(_) => Err(Refusal::MerchantClosed),
        None => Ok(()),
    }
}

/// What became of the cards of a merchant that has closed.
///
/// # Errors
/// When the merchant has not closed.
pub(crate) async fn show_closing(
    service: &Service,
    id: MerchantId,
    after: Option<CardId>,
    limit: u64,
) -> Result<ClosingView> {
    let conn = service.db.read();
    let closed_at = merchant::find(conn, id).await?.and_then(|merchant| merchant.closed_at);
    let closed_at = closed_at.ok_or(Refusal::NotFound { what: "closed merchant" })?;
    let rows = void::outcomes(conn, id, after, limit + 1).await?;
    Ok(ClosingView {
        id,
        closed_at: rfc3339(closed_at),
        cards: Page::of(rows, limit, |row| row.id.to_string(), outcome)?,
    })
}

fn outcome(row: Outcome) -> Result<CardOutcome> {
    let currency: Currency = row.currency.parse().map_err(anyhow::Error::from)?;
    let (outcome, minor) = match row.state {
        CardState::Active if row.authorised_minor > 0 => {
            (Outcomes::Authorised, row.available_minor)
        }
        CardState::Active => (Outcomes::Pending, row.available_minor),
        _ if row.uncredited_minor > 0 => (Outcomes::Voided, row.voided_minor),
        _ => (Outcomes::Credited, row.voided_minor),
    };
    Ok(CardOutcome { card_id: row.id, outcome, amount: Money::new(minor, currency) })
}
