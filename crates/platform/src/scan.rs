//! Due times are rows. A scan looks for what is due once a period, and at once when it is woken or
//! the clock was moved; a lost wake-up only costs one period. One instance is enough for that: whoever
//! holds the scan's lease looks, and the others look at whether it still does.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::{
    Clock, Shutdown,
    roles::{Hold, Leases},
};

/// How often due rows are looked for when nothing wakes the scan: the promise of the design is that
/// a transition fires within about a second of its time.
pub const PERIOD: Duration = Duration::from_secs(1);

/// After so long others look, if the instance that did is gone: a few periods, so that one that is only
/// busy keeps its scans.
const LEASE: Duration = Duration::from_secs(3);

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

/// The scans of one service.
#[derive(Clone, Debug)]
pub struct Scans {
    /// The service: its instances share the leases.
    pub service: &'static str,
    /// Whose movements wake every scan.
    pub clock: Clock,
    /// Ends them.
    pub shutdown: Shutdown,
    /// Which instance looks.
    pub leases: Arc<dyn Leases>,
}

/// What a scan has to do with its lease.
#[derive(Clone, Copy, Debug)]
struct Lease {
    time: Duration,
    is_needed: bool,
}

impl Scans {
    /// Runs `scan` every [`PERIOD`] while the lease is ours, and when woken and when the clock moves, until
    /// shutdown. A run that fails is logged and tried again at the next period; runs of one instance never
    /// overlap. Those of two instances may: when one is woken, when one takes longer than its lease, and
    /// while nobody can say who has it.
    pub fn spawn<F, Fut>(&self, name: &'static str, waker: Waker, scan: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send,
    {
        self.run(name, Lease { time: LEASE, is_needed: false }, waker, scan);
    }

    /// As [`Scans::spawn`], where two at a time do harm: nobody runs it without the lease, which has to be
    /// longer than any run. While nobody can say who has it, it waits.
    pub fn spawn_alone<F, Fut>(&self, name: &'static str, lease: Duration, scan: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send,
    {
        self.run(name, Lease { time: lease, is_needed: true }, Waker::new(), scan);
    }

    fn run<F, Fut>(&self, name: &'static str, lease: Lease, waker: Waker, mut scan: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send,
    {
        let Self { service, clock, shutdown: stop, leases } = self.clone();
        self.shutdown.spawn(async move {
            let leased = format!("{service}:{name}");
            let mut was_woken = false;
            while !stop.is_requested() {
                // Armed before the run: the clock may be moved while it is under way.
                let moved = clock.moved();
                tokio::pin!(moved);
                let armed = futures::poll!(&mut moved).is_ready();
                let may_run = match leases.hold(&leased, lease.time).await {
                    Hold::Ours(_) => true,
                    Hold::Unknown => !lease.is_needed,
                    // Who woke it knows that there is something, and may wait for it.
                    Hold::Others => was_woken && !lease.is_needed,
                };
                if may_run && let Err(error) = scan().await {
                    tracing::error!(scan = name, error = format!("{error:#}"), "scan failed");
                    // What fails here may work elsewhere.
                    leases.give_back(&leased).await;
                }
                if armed {
                    was_woken = true;
                    continue;
                }
                was_woken = tokio::select! {
                    () = stop.requested() => break,
                    () = waker.0.notified() => true,
                    () = &mut moved => true,
                    () = tokio::time::sleep(PERIOD) => false,
                }
            }
            leases.give_back(&leased).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use jiff::SignedDuration;

    use super::*;
    use crate::roles::embedded::EmbeddedLeases;

    #[tokio::test(start_paused = true)]
    async fn runs_at_once_when_woken_or_moved_and_after_failures() {
        let clock = Clock::manual(jiff::Timestamp::UNIX_EPOCH);
        let waker = Waker::new();
        let shutdown = Shutdown::new();
        let runs = Arc::new(AtomicU32::new(0));
        let seen = runs.clone();
        let leases = Arc::new(EmbeddedLeases::default());
        let scans = Scans { service: "test", clock: clock.clone(), shutdown, leases };
        scans.spawn("test", waker.clone(), move || {
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
        assert!(scans.shutdown.stop().await);
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_two_instances_looks_until_it_ends() {
        let runs = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
        let leases = EmbeddedLeases::default();
        let start = |n: usize, leases: EmbeddedLeases| {
            let (shutdown, waker) = (Shutdown::new(), Waker::new());
            let clock = Clock::manual(jiff::Timestamp::UNIX_EPOCH);
            let scans = Scans { service: "test", clock, shutdown, leases: Arc::new(leases) };
            let seen = runs.clone();
            scans.spawn("test", waker.clone(), move || {
                seen[n].fetch_add(1, Ordering::SeqCst);
                async { Ok(()) }
            });
            (scans.shutdown, waker)
        };
        let reached = async |n: usize, at_least| {
            while runs[n].load(Ordering::SeqCst) < at_least {
                tokio::time::sleep(PERIOD / 10).await;
            }
        };
        let (first, _waker) = start(0, leases.clone());
        reached(0, 2).await;
        let (second, waker) = start(1, leases.another_holder());
        reached(0, 10).await;
        assert_eq!(runs[1].load(Ordering::SeqCst), 0, "the first has the lease");
        waker.wake();
        reached(1, 1).await;
        assert!(first.stop().await);
        let ended = tokio::time::Instant::now();
        reached(1, 2).await;
        assert!(ended.elapsed() < LEASE, "the lease was given back");
        assert!(second.stop().await);
    }

    #[tokio::test(start_paused = true)]
    async fn one_whose_runs_fail_does_not_keep_others_from_looking() {
        let leases = EmbeddedLeases::default();
        let start = |leases: EmbeddedLeases, is_sick: bool| {
            let (shutdown, runs) = (Shutdown::new(), Arc::new(AtomicU32::new(0)));
            let clock = Clock::manual(jiff::Timestamp::UNIX_EPOCH);
            let scans = Scans { service: "test", clock, shutdown, leases: Arc::new(leases) };
            let seen = runs.clone();
            scans.spawn("test", Waker::new(), move || {
                let n = seen.fetch_add(1, Ordering::SeqCst);
                async move { if is_sick { anyhow::bail!("run {n} failed") } else { Ok(()) } }
            });
            (scans.shutdown, runs)
        };
        let (sick, failed) = start(leases.clone(), true);
        while failed.load(Ordering::SeqCst) < 2 {
            tokio::time::sleep(PERIOD / 10).await;
        }
        let (well, runs) = start(leases.another_holder(), false);
        let began = tokio::time::Instant::now();
        while runs.load(Ordering::SeqCst) < 5 {
            tokio::time::sleep(PERIOD / 10).await;
        }
        assert!(began.elapsed() < 10 * PERIOD);
        assert!(sick.stop().await && well.stop().await);
    }

    #[derive(Debug)]
    struct Fixed(Hold);

    #[async_trait::async_trait]
    impl Leases for Fixed {
        async fn hold(&self, _: &str, _: Duration) -> Hold {
            self.0
        }

        async fn give_back(&self, _: &str) {}
    }

    /// How often a scan runs in ten periods, and once more if it is woken then.
    async fn runs(hold: Hold, alone: bool) -> [u32; 2] {
        let (waker, seen) = (Waker::new(), Arc::new(AtomicU32::new(0)));
        let clock = Clock::manual(jiff::Timestamp::UNIX_EPOCH);
        let (shutdown, leases) = (Shutdown::new(), Arc::new(Fixed(hold)));
        let scans = Scans { service: "test", clock, shutdown, leases };
        let counted = seen.clone();
        let scan = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }
        };
        match alone {
            true => scans.spawn_alone("test", LEASE, scan),
            false => scans.spawn("test", waker.clone(), scan),
        }
        tokio::time::sleep(PERIOD * 19 / 2).await;
        let before = seen.load(Ordering::SeqCst);
        waker.wake();
        tokio::time::sleep(PERIOD / 4).await;
        assert!(scans.shutdown.stop().await);
        [before, seen.load(Ordering::SeqCst)]
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_answer_all_look_but_where_two_do_harm() {
        assert_eq!(runs(Hold::Ours(1), false).await, [10, 11]);
        assert_eq!(runs(Hold::Unknown, false).await, [10, 11]);
        assert_eq!(runs(Hold::Others, false).await, [0, 1], "who wakes it may wait for it");
        assert_eq!(runs(Hold::Ours(1), true).await, [10, 10]);
        assert_eq!(runs(Hold::Unknown, true).await, [0, 0]);
        assert_eq!(runs(Hold::Others, true).await, [0, 0]);
    }
}
