//! Due times are rows. A scan looks for what is due once a period, and at once when it is woken or
//! the clock was moved; a lost wake-up only costs one period.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::{Clock, Shutdown};

/// How often due rows are looked for when nothing wakes the scan: the promise of the design is that
/// a transition fires within about a second of its time.
pub const PERIOD: Duration = Duration::from_secs(1);

/// Wakes a scan ahead of its period. Cheap to clone; a wake-up during a run is not lost.
#[derive(Clone, Debug, Default)]
pub struct Waker(Arc<Notify>);

impl Waker {
    /// A waker not yet attached to a scan.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a run now.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// Runs `scan` every [`PERIOD`], when woken and when the clock moves, until shutdown. A run that
/// fails is logged and tried again at the next period; runs never overlap.
pub fn spawn<F, Fut>(
    name: &'static str,
    clock: Clock,
    waker: Waker,
    shutdown: &Shutdown,
    mut scan: F,
) where
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send,
{
    let stop = shutdown.clone();
    shutdown.spawn(async move {
        while !stop.is_requested() {
            // Armed before the run: the clock may be moved while it is under way.
            let moved = clock.moved();
            tokio::pin!(moved);
            let armed = futures::poll!(&mut moved).is_ready();
            if let Err(error) = scan().await {
                tracing::error!(scan = name, error = format!("{error:#}"), "scan failed");
            }
            if armed {
                continue;
            }
            tokio::select! {
                () = stop.requested() => break,
                () = waker.0.notified() => {}
                () = &mut moved => {}
                () = tokio::time::sleep(PERIOD) => {}
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use jiff::SignedDuration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn runs_at_once_when_woken_or_moved_and_after_failures() {
        let clock = Clock::manual(jiff::Timestamp::UNIX_EPOCH);
        let waker = Waker::new();
        let shutdown = Shutdown::new();
        let runs = Arc::new(AtomicU32::new(0));
        let seen = runs.clone();
        spawn("test", clock.clone(), waker.clone(), &shutdown, move || {
            let seen = seen.clone();
            async move {
                seen.fetch_add(1, Ordering::SeqCst);
                anyhow::bail!("a failed run does not end the scan")
            }
        });
        let reached = async |n| {
            while runs.load(Ordering::SeqCst) < n {
                tokio::task::yield_now().await;
            }
        };
        reached(1).await;
        waker.wake();
        reached(2).await;
        clock.advance(SignedDuration::from_secs(1)).unwrap();
        reached(3).await;
        tokio::time::advance(PERIOD).await;
        reached(4).await;
        assert!(shutdown.stop().await);
    }
}
