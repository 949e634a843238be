//! Waiting for what has to come, with a bound.

use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

/// How long anything may take on the slowest machine: a lost lease and a backoff at its cap fit.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks: short, because a fault is meant to hit the middle of something.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Asks until there is something, at most as long as a test may take.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, look).await.unwrap_or_else(|| panic!("waited for {PATIENCE:?}: {what}"))
}

/// Asks until there is something or the time is over.
pub(crate) async fn within<T>(
    time: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> Option<T> {
    let give_up = Instant::now() + time;
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < give_up {
        looks.tick().await;
        if let Some(found) = look().await {
            return Some(found);
        }
    }
    None
}
