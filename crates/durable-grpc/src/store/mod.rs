//! What a call store promises. One conformance suite holds every store to it.

#[cfg(feature = "redis")]
pub mod redis;
mod retention;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod types;
#[cfg(any(feature = "sqlite", feature = "redis"))]
mod watchers;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use async_trait::async_trait;

pub use self::{
    retention::{Retention, retention},
    types::{
        Backlog, CallState, CallView, Cancelled, Claim, DeadLetter, DeadLetterFilter, Disposition,
        EndKind, Ended, Finish, LaneStats, NewCall, Owner, Policy, Receipt, Recorded, StoreError,
        StoredAnswer, StoredCall, Submitted, TargetHealth,
    },
};
use crate::id::CallId;
pub use crate::{
    answer::{decode_metadata, encode_metadata},
    limits::{HEALTH_FRESH, LEASE},
};

/// Keeps durable calls: queue, answers, keys and dead letters.
///
/// A store follows its own clock. Time reaches it as durations, except for `not_before`, which is a
/// point in time that the caller chose.
///
/// `submit`, `started` and `finish` take batches, and a store groups concurrent callers into one
/// commit or one script; it never delays a lone caller to wait for others. Each item has a result of
/// its own, in the order of the items.
#[async_trait]
pub trait CallStore: Send + Sync + 'static {
    /// Persists calls. When the result says `Accepted`, the call survives the death of this process.
    /// An existing key decides first: see [`Submitted`]. Each item is atomic.
    async fn submit(&self, calls: Vec<NewCall>) -> Vec<Result<Submitted, StoreError>>;

    /// Hands out at most `limit` calls of a lane that are due, each to one owner under a delivery
    /// number of its own; waits up to `wait`, or less, while there are none. Dropping the future loses no
    /// call: what it had claimed stays with the owner until `release` or `takeover`.
    async fn claim(
        &self,
        owner: Owner,
        lane: &str,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Claim>, StoreError>;

    /// Marks calls that are not idempotent as about to be sent. A call that is lost after this mark
    /// ends as ambiguous. Fenced like `finish`.
    async fn started(&self, receipts: Vec<Receipt>) -> Vec<Result<Recorded, StoreError>>;

    /// Records what became of claimed calls: their end, or the next try. Fenced: only the owner that
    /// holds the claim under this very delivery is heard; anyone else gets
    /// [`Recorded::Fenced`] and nothing changes. Each item is atomic, and idempotent in effect.
    async fn finish(&self, items: Vec<Finish>) -> Vec<Result<Recorded, StoreError>>;

    /// Says that the owner is alive, so that its claims stay with it for another lease, and how it
    /// sees the targets of its lanes.
    async fn heartbeat(
        &self,
        owner: Owner,
        lanes: &[(Arc<str>, TargetHealth)],
    ) -> Result<(), StoreError>;

    /// Takes claims from owners whose lease has lapsed: calls go back to their lanes, calls marked as
    /// started end as ambiguous. Gives the number of claims taken.
    async fn takeover(&self) -> Result<usize, StoreError>;

    /// Gives up everything the owner still holds, as `takeover` would, but at once.
    async fn release(&self, owner: Owner) -> Result<usize, StoreError>;

    /// What the store knows about each call; `None` for one it does not hold (any more).
    async fn lookup(&self, ids: Vec<CallId>) -> Result<Vec<Option<CallView>>, StoreError>;

    /// The call that a key names, if there is one.
    async fn lookup_key(
        &self,
        lane: &str,
        method: &str,
        key: &str,
    ) -> Result<Option<CallView>, StoreError>;

    /// Removes a call that waits, or asks the owner of a running one to stop. Atomic.
    async fn cancel(&self, id: CallId) -> Result<Cancelled, StoreError>;

    /// Dead letters, oldest first.
    async fn dead_letters(&self, filter: DeadLetterFilter) -> Result<Vec<DeadLetter>, StoreError>;

    /// Puts a dead letter back into its lane, with its attempts forgotten and a fresh expiry of the
    /// same length. `false` when there is no such dead letter. Atomic.
    async fn replay(&self, id: CallId) -> Result<bool, StoreError>;

    /// Ends a dead letter for good. Its key, if any, keeps answering `discarded` for the retention
    /// of keyed answers, so that a late resubmission does not run it after all. `false` when there
    /// is no such dead letter. Atomic.
    async fn discard(&self, id: CallId) -> Result<bool, StoreError>;

    /// One entry for each lane the store has seen.
    async fn stats(&self) -> Result<Vec<LaneStats>, StoreError>;

    /// How a lane stands for somebody who is about to call through it: what its workers reported
    /// within the last [`HEALTH_FRESH`], and what waits. Cheap enough to be asked once a second.
    async fn backlog(&self, lane: &str) -> Result<Backlog, StoreError>;

    /// Removes at most `limit` records that retention has let go, and gives their number. A store
    /// whose records expire by themselves has nothing to do.
    async fn sweep(&self, limit: usize) -> Result<usize, StoreError>;

    /// From now on, tell this process about ends and cancellations. Hints may be lost, repeated or
    /// late; they are never sent before what they tell of is committed.
    fn watch(&self, hints: Weak<dyn Hints>);
}

/// What a store tells a process. Nothing may depend on a hint arriving.
pub trait Hints: Send + Sync + 'static {
    /// These calls have ended. A store that has the committed record at hand passes it along and
    /// saves the waiter a lookup.
    fn ended(&self, calls: Vec<(CallId, Option<Arc<Ended>>)>);

    /// Someone asked to cancel these running calls.
    fn cancelled(&self, calls: Vec<CallId>);

    /// Hints may have been lost (a connection was): look everything up.
    fn resync(&self);
}
