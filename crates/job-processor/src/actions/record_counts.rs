//! Adds a batch of counts, once per batch id.

use contracts::processor::Count;

use crate::{
    app::State,
    domain::{counts::add_up, error::Error},
    store,
};

/// Longest batch id: an index entry.
const MAX_BATCH_ID: usize = 200;

/// A noted batch is kept this long: well past the seven days after which no call is repeated.
const KEEP_BATCHES_MS: i64 = 30 * 24 * 3_600_000;

/// How often old batches are looked for.
const FORGET_EVERY_MS: i64 = 3_600_000;

/// Adds the counts in one transaction with the note that this batch was added.
pub(crate) async fn record_counts(
    app: &State,
    batch_id: &str,
    counts: Vec<Count>,
) -> Result<(), Error> {
    if batch_id.is_empty() || batch_id.len() > MAX_BATCH_ID {
        return Err(Error::invalid(
            "batch_id_invalid",
            format!("batch_id: must have 1 to {MAX_BATCH_ID} bytes"),
        ));
    }
    let sums = add_up(counts)?;
    let tx = app.db.begin("record_counts").await?;
    if store::counts::note_batch(&tx, batch_id, app.clock.now_ms()).await? {
        store::counts::add(&tx, sums).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Forgets batches whose call cannot come again.
pub(crate) async fn forget_old_batches(app: &State) -> anyhow::Result<()> {
    let before_ms = app.clock.now_ms().saturating_sub(KEEP_BATCHES_MS);
    store::counts::forget_batches(app.db.write(), before_ms).await?;
    Ok(())
}

/// When old batches were last looked for.
#[derive(Debug, Default)]
pub(crate) struct Forgetting {
    next_ms: i64,
}

impl Forgetting {
    /// Whether it is time again; counts as done when it is.
    pub(crate) fn is_due(&mut self, now_ms: i64) -> bool {
        let due = now_ms >= self.next_ms;
        if due {
            self.next_ms = now_ms.saturating_add(FORGET_EVERY_MS);
        }
        due
    }
}
