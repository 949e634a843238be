//! Who waits for which call in this process.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use crate::{id::CallId, store::Ended};

/// Callers come from every thread at once; a power of two, picked by the random end of the id.
const SHARDS: usize = 16;

/// All waiters of this process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiters(Arc<Shards>);

#[derive(Debug, Default)]
struct Shards {
    shards: [Mutex<HashMap<CallId, Vec<Entry>>>; SHARDS],
    next_token: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    token: u64,
    since: Instant,
    wake: oneshot::Sender<Arc<Ended>>,
}

impl Waiters {
    /// Registers before the call can end: the caller submits, or looks the call up, only after this.
    pub(crate) fn register(&self, id: CallId) -> Waiter {
        let (wake, end) = oneshot::channel();
        let token = self.0.next_token.fetch_add(1, Ordering::Relaxed);
        let entry = Entry { token, since: Instant::now(), wake };
        self.shard(id).entry(id).or_default().push(entry);
        Waiter { id, token, end, waiters: self.clone() }
    }

    /// Hands the end of a call to everyone who waits for it.
    pub(crate) fn wake(&self, id: CallId, ended: &Arc<Ended>) {
        let entries = self.shard(id).remove(&id);
        for entry in entries.into_iter().flatten() {
            // A waiter that has just gone away needs nothing.
            _ = entry.wake.send(ended.clone());
        }
    }

    /// The calls that someone has been waiting for at least this long.
    pub(crate) fn waiting_since(&self, age: Duration) -> Vec<CallId> {
        let now = Instant::now();
        let mut ids = Vec::new();
        for shard in &self.0.shards {
            let shard = lock(shard);
            let old = |entry: &Entry| now.duration_since(entry.since) >= age;
            ids.extend(shard.iter().filter(|(_, list)| list.iter().any(old)).map(|(id, _)| *id));
        }
        ids
    }

    /// How many callers wait.
    pub(crate) fn count(&self) -> usize {
        self.0.shards.iter().map(|shard| lock(shard).values().map(Vec::len).sum::<usize>()).sum()
    }

    fn shard(&self, id: CallId) -> MutexGuard<'_, HashMap<CallId, Vec<Entry>>> {
        lock(&self.0.shards[usize::from(id.as_bytes()[15]) % SHARDS])
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here panics between two changes that belong together.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One caller that waits for the end of a call. Dropping it detaches the caller and nothing else.
#[derive(Debug)]
pub(crate) struct Waiter {
    id: CallId,
    token: u64,
    end: oneshot::Receiver<Arc<Ended>>,
    waiters: Waiters,
}

impl Future for Waiter {
    type Output = Arc<Ended>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A sender is only dropped with its registry, which this waiter keeps alive.
        ready!(Pin::new(&mut self.end).poll(context)).map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut shard = self.waiters.shard(self.id);
        if let Some(entries) = shard.get_mut(&self.id) {
            entries.retain(|entry| entry.token != self.token);
            if entries.is_empty() {
                shard.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::EndKind;

    fn end() -> Arc<Ended> {
        Arc::new(Ended {
            kind: EndKind::Cancelled,
            answer: None,
            reason: String::new(),
            may_have_executed: false,
        })
    }

    #[tokio::test]
    async fn everyone_who_waits_is_woken_and_the_registry_is_left_empty() {
        let waiters = Waiters::default();
        let id = CallId::generate();
        let (first, second) = (waiters.register(id), waiters.register(id));
        let gone = waiters.register(CallId::generate());
        assert_eq!((waiters.waiting_since(Duration::ZERO).len(), waiters.count()), (2, 3));
        drop(gone);

        waiters.wake(id, &end());

        assert_eq!(first.await, end());
        assert_eq!(second.await, end());
        assert!(waiters.waiting_since(Duration::ZERO).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn only_old_waiters_are_looked_up() {
        let waiters = Waiters::default();
        let old = CallId::generate();
        let _old = waiters.register(old);
        tokio::time::advance(Duration::from_secs(1)).await;
        let _young = waiters.register(CallId::generate());
        assert_eq!(waiters.waiting_since(Duration::from_secs(1)), [old]);
    }
}
