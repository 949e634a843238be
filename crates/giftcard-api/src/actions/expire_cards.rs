//! Expires cards whose time is over. Only what is available is taken.

use crate::{error::Result, service::Service, store::card};
use uuid::Uuid;

/// Cards expired in one run of the scan: each in a transaction of its own, so that one bad row
/// stops no other.
const CARDS_PER_RUN: u64 = 200;

/// Expires what is due.
///
/// # Errors
/// When the database fails; what was done stays done.
pub(crate) async fn expire_cards(service: &Service) -> Result<()> {
    let now = service.clock.now();
    let now_ms = now.as_millisecond();
    for id in card::due_to_expire(service.db.read(), now_ms, CARDS_PER_RUN).await? {
        let tx = service.db.begin("expire_card").await?;
        let Some(card) = card::lock(&tx, id).await? else { continue };
        if !card::expire(&tx, &card, now_ms).await? {
            continue;
        }
        let left = card.available()?;
        if left.is_positive() {
            // A reversal may reopen the card and it may expire again: each time is an operation.
            let posting = service.books.expired(id, Uuid::now_v7(), left)?;
            ledger::post(&tx, &posting, now).await?;
        }
        tx.commit().await?;
        tracing::info!(card = %id, "card expired");
    }
    Ok(())
}
