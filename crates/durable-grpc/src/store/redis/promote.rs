//! Moves calls that have become due from the sorted set into the stream, where blocked readers get
//! them. Each process with a worker does it for its lanes; the script makes that harmless.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

use super::{
    Lane, Shared,
    codec::{array, integer},
    repair::MAX_MOVED_BYTES,
    script,
};

/// How often the set is looked at without being asked to: what a call for later that another process
/// submitted may be late, at most.
const POLL: Duration = Duration::from_millis(250);
/// How many calls one script call moves.
const MAX_MOVED: usize = 128;

#[derive(Default)]
pub(super) struct Promoter {
    started: AtomicBool,
    nudged: Notify,
}

impl Promoter {
    /// Starts the task of this lane, if it does not run yet. It ends with the store.
    pub(super) fn start(&self, shared: &Arc<Shared>, lane: &Arc<Lane>) {
        if !self.started.swap(true, Ordering::AcqRel) {
            tokio::spawn(run(Arc::downgrade(shared), lane.clone()));
        }
    }

    /// Looks now: something was put into the set that may be due soon.
    pub(super) fn nudge(&self) {
        self.nudged.notify_one();
    }
}

/// Lets another task be started when this one ends with its runtime.
struct Running<'a>(&'a Promoter);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.started.store(false, Ordering::Release);
    }
}

async fn run(shared: Weak<Shared>, lane: Arc<Lane>) {
    let _running = Running(&lane.promoter);
    let mut failing = false;
    loop {
        let Some(strong) = shared.upgrade() else { return };
        let mut script = script::PROMOTE.call(&strong, &lane.prefix);
        script.arg(MAX_MOVED).arg(MAX_MOVED_BYTES);
        let moved = script.run(&strong).await;
        drop(strong);
        let pause = match moved {
            Ok(reply) => {
                failing = false;
                let reply = array(reply).unwrap_or_default();
                let number = |place: usize| reply.get(place).and_then(integer);
                if number(0) == i64::try_from(MAX_MOVED).ok() {
                    continue;
                }
                match number(1).and_then(|ms| u64::try_from(ms).ok()) {
                    Some(ms) => Duration::from_millis(ms).min(POLL),
                    None => POLL,
                }
            }
            Err(failure) => {
                if !failing {
                    let lane = &*lane.name;
                    tracing::warn!(lane, ?failure, "calls that are due cannot be moved");
                }
                failing = true;
                POLL
            }
        };
        // Whether it was nudged or time has passed: the next look tells.
        _ = timeout(pause, lane.promoter.nudged.notified()).await;
    }
}
