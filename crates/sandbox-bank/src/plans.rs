//! The loop that takes pending payments and transfers on, as their plans say.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::actions::{UnitOfWork, follow_payment_plan, follow_transfer_plan};
use crate::bank::Bank;
use crate::error::BankError;

/// How long to wait at most while something is planned. The bank's clock may be set by a test, so
/// it is looked at again long before a far due time.
pub(crate) const CLOCK_LOOK: Duration = Duration::from_millis(100);

/// The pause after the file failed.
pub(crate) const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Takes every step when it is due, one transaction each, until `shutdown`.
pub(crate) async fn move_on(bank: Bank, shutdown: CancellationToken) {
    let mut changes = bank.store().changes();
    while !shutdown.is_cancelled() {
        changes.borrow_and_update();
        let wait = match next_steps(&bank).await {
            Ok(due_at) => due_at.map(|due_at| wait_until(due_at, bank.now())),
            Err(error) => {
                tracing::error!(%error, "sandbox bank could not take a planned step");
                Some(STORE_PAUSE)
            }
        };
        wait_for_work(wait, &mut changes, &shutdown).await;
    }
}

/// Waits for a write, for `wait` (without one: for ever), or for the shutdown.
pub(crate) async fn wait_for_work(
    wait: Option<Duration>,
    changes: &mut tokio::sync::watch::Receiver<u64>,
    shutdown: &CancellationToken,
) {
    let pause = async {
        match wait {
            Some(wait) => tokio::time::sleep(wait).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = pause => {}
        _ = changes.changed() => {}
        () = shutdown.cancelled() => {}
    }
}

/// How long to wait for `due_at`: nothing when it is past, and never longer than [`CLOCK_LOOK`].
pub(crate) fn wait_until(due_at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(due_at.duration_since(now)).unwrap_or(Duration::ZERO).min(CLOCK_LOOK)
}

/// Takes at most one payment and one transfer on. Looks before it writes, so that waiting costs
/// no sync of the disk.
async fn next_steps(bank: &Bank) -> Result<Option<Timestamp>, BankError> {
    let now = bank.now();
    let first_due = bank
        .store()
        .read(|tx| {
            let payment = crate::store::payments::next_due(tx)?.map(|(_, _, due_at)| due_at);
            let transfer = crate::store::transfers::next_due(tx)?.map(|(_, _, due_at)| due_at);
            Ok(payment.into_iter().chain(transfer).min())
        })
        .await?;
    match first_due {
        Some(due_at) if due_at <= now => {}
        not_yet => return Ok(not_yet),
    }
    let config = bank.config().clone();
    bank.store()
        .write(move |tx| {
            let unit = UnitOfWork { tx, now, config: &config, hidden_until: None };
            let payment = follow_payment_plan(&unit)?;
            let transfer = follow_transfer_plan(&unit)?;
            Ok(payment.into_iter().chain(transfer).min())
        })
        .await
}
