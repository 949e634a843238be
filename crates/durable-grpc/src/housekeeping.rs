//! Once a second, for the whole process: look waiters up, sweep, take over.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};

use crate::{
    calls::Inner,
    limits::{HOUSEKEEPING, LOOKUP_BATCH, SWEEP_BATCH, SWEEP_ROUNDS},
    store::CallState,
};

/// Runs until the last [`Calls`](crate::Calls) is gone. Between the rounds it holds nothing of them,
/// or the store would never close.
pub(crate) async fn run(inner: Weak<Inner>, recheck: Arc<Notify>) {
    let mut ticks = interval(HOUSEKEEPING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let hinted = tokio::select! {
            _ = ticks.tick() => false,
            () = recheck.notified() => true,
        };
        let Some(inner) = inner.upgrade() else { return };
        if hinted {
            look_waiters_up(&inner, Duration::ZERO).await;
            continue;
        }
        look_waiters_up(&inner, HOUSEKEEPING).await;
        sweep(&inner).await;
        if let Err(error) = inner.store.takeover().await {
            tracing::warn!(%error, "claims of silent workers could not be taken over");
        }
    }
}

/// The answer to every lost hint: whoever has waited for a while is looked up.
async fn look_waiters_up(inner: &Inner, age: Duration) {
    for ids in inner.waiters.waiting_since(age).chunks(LOOKUP_BATCH) {
        match inner.store.lookup(ids.to_vec()).await {
            Ok(found) => {
                for view in found.into_iter().flatten() {
                    if let CallState::Ended(ended) = view.state {
                        inner.waiters.wake(view.id, &ended);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "waiters could not be looked up"),
        }
    }
}

async fn sweep(inner: &Inner) {
    for _ in 0..SWEEP_ROUNDS {
        match inner.store.sweep(SWEEP_BATCH).await {
            Ok(swept) if swept == SWEEP_BATCH => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "records past their retention could not be swept");
                return;
            }
        }
    }
}
