//! The attempts that this process is making right now, so that they can be stopped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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

/// The running attempts, by call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running(Arc<Mutex<HashMap<CallId, Entry>>>);

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
        let entry = Entry { owner: receipt.owner, delivery: receipt.delivery, stop };
        self.lock().insert(receipt.id, entry);
        let guard =
            RunningGuard { running: self.clone(), id: receipt.id, delivery: receipt.delivery };
        (guard, stopped)
    }

    pub(super) fn cancel(&self, id: CallId) {
        if let Some(entry) = self.lock().remove(&id) {
            _ = entry.stop.send(Stop::Cancelled);
        }
    }

    /// Stops every attempt of a worker.
    pub(crate) fn abandon(&self, owner: Owner) {
        let stopped: Vec<_> = self
            .lock()
            .extract_if(|_, entry| entry.owner == owner)
            .map(|(_, entry)| entry)
            .collect();
        for entry in stopped {
            _ = entry.stop.send(Stop::Abandoned);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CallId, Entry>> {
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
        if running.get(&self.id).is_some_and(|entry| entry.delivery == self.delivery) {
            running.remove(&self.id);
        }
    }
}
