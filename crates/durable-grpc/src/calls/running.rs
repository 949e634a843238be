//! The attempts that this process is making right now, so that they can be stopped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    id::CallId,
    store::{Owner, Receipt},
};

/// Why an attempt is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Someone cancelled the call.
    Cancelled,
    /// The worker goes away and gives its claims up.
    Abandoned,
}

/// How long a cancellation is remembered that came between a claim and its first step.
const EARLY: Duration = Duration::from_secs(1);

/// The running attempts, by call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running(Arc<Mutex<Attempts>>);

#[derive(Debug, Default)]
struct Attempts {
    listed: HashMap<CallId, Entry>,
    /// Cancellations of calls that are not listed: claimed a moment ago, or run elsewhere.
    early: Vec<(CallId, Instant)>,
}

#[derive(Debug)]
struct Entry {
    owner: Owner,
    delivery: u64,
    stop: oneshot::Sender<Stop>,
}

impl Running {
    /// Lists an attempt until the guard is dropped.
    pub(crate) fn enter(&self, receipt: &Receipt) -> (RunningGuard, oneshot::Receiver<Stop>) {
        let (stop, stopped) = oneshot::channel();
        let guard =
            RunningGuard { running: self.clone(), id: receipt.id, delivery: receipt.delivery };
        let mut attempts = self.lock();
        if attempts.early.iter().any(|(id, at)| *id == receipt.id && at.elapsed() < EARLY) {
            _ = stop.send(Stop::Cancelled);
        } else {
            let entry = Entry { owner: receipt.owner, delivery: receipt.delivery, stop };
            attempts.listed.insert(receipt.id, entry);
        }
        drop(attempts);
        (guard, stopped)
    }

    pub(super) fn cancel(&self, id: CallId) {
        let mut attempts = self.lock();
        attempts.early.retain(|(_, at)| at.elapsed() < EARLY);
        match attempts.listed.remove(&id) {
            // An attempt that is just over needs no signal.
            Some(entry) => _ = entry.stop.send(Stop::Cancelled),
            None => attempts.early.push((id, Instant::now())),
        }
    }

    /// Stops every attempt of a worker.
    pub(crate) fn abandon(&self, owner: Owner) {
        let mut attempts = self.lock();
        let stopped = attempts.listed.extract_if(|_, entry| entry.owner == owner);
        for (_, entry) in stopped {
            _ = entry.stop.send(Stop::Abandoned);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Attempts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the attempt off the list when it is over.
pub(crate) struct RunningGuard {
    running: Running,
    id: CallId,
    delivery: u64,
}

impl Drop for RunningGuard {
    fn drop(&mut self) {
        let mut running = self.running.lock();
        // A later delivery of the same call has its own entry.
        if running.listed.get(&self.id).is_some_and(|entry| entry.delivery == self.delivery) {
            running.listed.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Receipt {
        Receipt {
            id: CallId::generate(),
            lane: "lane".into(),
            owner: Owner::generate(),
            delivery: 1,
        }
    }

    #[test]
    fn a_cancellation_reaches_an_attempt_before_and_after_it_is_listed() {
        let running = Running::default();
        let (before, after) = (receipt(), receipt());
        running.cancel(before.id);
        let (_guard, mut stopped) = running.enter(&before);
        assert_eq!(stopped.try_recv(), Ok(Stop::Cancelled));

        let (_guard, mut stopped) = running.enter(&after);
        assert!(stopped.try_recv().is_err());
        running.cancel(after.id);
        assert_eq!(stopped.try_recv(), Ok(Stop::Cancelled));
    }

    #[test]
    fn a_worker_abandons_its_own_attempts_only() {
        let running = Running::default();
        let (ours, theirs) = (receipt(), receipt());
        let (guard, mut stopped) = running.enter(&ours);
        let (_guard, mut other) = running.enter(&theirs);
        running.abandon(ours.owner);
        drop(guard);
        assert_eq!(stopped.try_recv(), Ok(Stop::Abandoned));
        assert!(other.try_recv().is_err());
    }
}
