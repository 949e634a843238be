//! Forgets idempotency records, and news of rooms, whose time is over.

use ledger::idempotency;
use platform::rooms;

use crate::{error::Result, service::Service};

/// The name of this work in the schedule.
pub(crate) const NAME: &str = "forget_keys";

/// How often: records are kept for a month, so a day more or less does not matter.
pub(crate) const EVERY_MS: i64 = 60 * 60 * 1_000;

/// How long somebody may have been away and still hear what they missed.
const NEWS_KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// Records deleted by one statement, so that the writer is never held for long.
const BATCH: u32 = 1_000;

/// Statements of one run; what is left waits for the next.
const BATCHES: u32 = 100;

/// Deletes what is due.
///
/// # Errors
/// When the database fails.
pub(crate) async fn forget_keys(service: &Service) -> Result<()> {
    for _ in 0..BATCHES {
        let now = service.clock.now();
        if idempotency::sweep(service.db.write(), now, BATCH).await? < u64::from(BATCH) {
            break;
        }
    }
    for _ in 0..BATCHES {
        let before_ms = service.now_ms() - NEWS_KEPT_MS;
        let forgotten = rooms::forget(service.db.write(), before_ms, BATCH.into()).await?;
        if forgotten < u64::from(BATCH) {
            break;
        }
    }
    Ok(())
}
