//! The attempts that this process is making right now, so that they can be stopped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    id::CallId,
    store::{Claim, Owner},
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
    /// Lists an attempt until the guard is dropped. To be called as soon as the call is claimed.
    pub(crate) fn enter(&self, claim: &Claim) -> (RunningGuard, oneshot::Receiver<Stop>) {
        let receipt = &claim.receipt;
        let (stop, stopped) = oneshot::channel();
        let guard =
            RunningGuard { running: self.clone(), id: receipt.id, delivery: receipt.delivery };
        let mut attempts = self.lock();
        // A cancellation is of what had been submitted by then. Under its key the call may have ended
        // and been submitted again since, under the same id.
        let early = EARLY.min(submitted_at_least_ago(claim));
        if attempts.early.iter().any(|(id, at)| *id == receipt.id && at.elapsed() < early) {
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

/// Less by as much as the times of a store are rounded.
fn submitted_at_least_ago(claim: &Claim) -> Duration {
    let ago = claim.call.policy.expires_in.saturating_sub(claim.time_left);
    ago.saturating_sub(Duration::from_millis(1))
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
    use std::sync::Arc;

    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;
    use crate::store::{Policy, Receipt, StoredCall};

    /// A claim of a call that was submitted so long ago.
    fn claim(id: CallId, ago: Duration) -> Claim {
        let expires_in = Duration::from_hours(1);
        let call = StoredCall {
            id,
            lane: "lane".into(),
            method: "/test.Service/Method".into(),
            key: None,
            metadata: HeaderMap::new(),
            payload: Bytes::new(),
            policy: Policy {
                idempotent: true,
                detached: false,
                attempt_timeout: Duration::from_secs(10),
                expires_in,
                max_attempts: None,
            },
            attempts: 0,
            unsent: 0,
            lost: 0,
            ran_before: false,
        };
        let owner = Owner::generate();
        let receipt = Receipt { id, lane: "lane".into(), owner, delivery: 1 };
        Claim { receipt, call: Arc::new(call), time_left: expires_in.saturating_sub(ago) }
    }

    fn any_claim() -> Claim {
        claim(CallId::generate(), Duration::from_mins(1))
    }

    #[test]
    fn a_cancellation_reaches_an_attempt_before_and_after_it_is_listed() {
        let running = Running::default();
        let (before, after) = (any_claim(), any_claim());
        running.cancel(before.receipt.id);
        let (_guard, mut stopped) = running.enter(&before);
        assert_eq!(stopped.try_recv(), Ok(Stop::Cancelled));

        let (_guard, mut stopped) = running.enter(&after);
        assert!(stopped.try_recv().is_err());
        running.cancel(after.receipt.id);
        assert_eq!(stopped.try_recv(), Ok(Stop::Cancelled));
    }

    #[test]
    fn a_cancellation_is_not_of_what_is_submitted_after_it() {
        let running = Running::default();
        let id = CallId::generate();
        // Of a call that is run elsewhere, and ends there.
        running.cancel(id);
        let (_guard, mut stopped) = running.enter(&claim(id, Duration::ZERO));
        assert!(stopped.try_recv().is_err());
    }

    #[test]
    fn a_worker_abandons_its_own_attempts_only() {
        let running = Running::default();
        let (ours, theirs) = (any_claim(), any_claim());
        let (guard, mut stopped) = running.enter(&ours);
        let (_guard, mut other) = running.enter(&theirs);
        running.abandon(ours.receipt.owner);
        drop(guard);
        assert_eq!(stopped.try_recv(), Ok(Stop::Abandoned));
        assert!(other.try_recv().is_err());
    }
}
