//! Every bound of the library, with its reason.

use std::time::Duration;

/// The largest message a call or an answer may have: tonic's own default for what it decodes.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// The most metadata a call or an answer may carry: what HTTP/2 peers commonly accept as one block.
pub const MAX_METADATA_BYTES: usize = 8 * 1024;
/// The longest key. Keys are index entries; a longer name should be hashed by the caller.
pub(crate) const MAX_KEY_BYTES: usize = 512;

/// How long a caller waits who names no deadline.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);
/// How long one attempt may take when neither the call nor the builder says otherwise. Longer than
/// any healthy command, short enough that a stuck callee frees its slot.
pub(crate) const DEFAULT_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Added to the attempt timeout that the callee is told, so that the worker's own timer decides: a
/// tonic server answers an expired `grpc-timeout` with CANCELLED, which says nothing.
pub(crate) const CALLEE_GRACE: Duration = Duration::from_secs(1);

/// A keyed call is tried for a day: whoever resubmits after a crash does so within hours.
pub(crate) const KEYED_EXPIRY: Duration = Duration::from_hours(24);
/// A detached call outlives a long weekend with a broken callee.
pub(crate) const DETACHED_EXPIRY: Duration = Duration::from_hours(7 * 24);

/// An unkeyed answer only serves callers that wait right now, and re-attach by id.
pub(crate) const UNKEYED_RETENTION: Duration = Duration::from_secs(60);
/// A keyed answer serves whoever submits the same key again.
pub(crate) const KEYED_RETENTION: Duration = Duration::from_hours(24);

/// The ceiling of the first backoff, doubled with each further try.
pub(crate) const BACKOFF_BASE: Duration = Duration::from_millis(100);
/// The ceiling of every backoff: a callee that recovers is found within half a minute.
pub(crate) const BACKOFF_CAP: Duration = Duration::from_secs(30);

/// How many calls one lane executes at a time unless the worker says otherwise.
pub(crate) const DEFAULT_SLOTS: usize = 256;
/// How many calls a worker claims at once, so that several workers share a burst.
pub(crate) const MAX_CLAIM: usize = 128;
/// How long one claim waits for work before it looks again: bounds what a lost wake-up can cost.
pub(crate) const CLAIM_WAIT: Duration = Duration::from_secs(1);
/// How often a worker says that it is alive: three missed beats lose its claims.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a worker may be silent before a store takes its claims over.
pub const LEASE: Duration = Duration::from_secs(15);
/// How old a worker's report about a target may be: two beats, so that one may be lost.
pub const HEALTH_FRESH: Duration = Duration::from_secs(10);
/// How long a shutdown lets running attempts finish before it abandons them.
pub(crate) const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
/// The pause before a worker offers an end again that the store could not record.
pub(crate) const FINISH_RETRY_BASE: Duration = Duration::from_millis(50);
/// The longest such pause.
pub(crate) const FINISH_RETRY_CAP: Duration = Duration::from_secs(5);

/// How often waiters are looked up, and the sweep and the takeover run.
pub(crate) const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// How many calls one lookup names: one script call, or one turn of the writer.
pub(crate) const LOOKUP_BATCH: usize = 128;
/// How many records one sweep removes: small, so that commits behind it are not held up.
pub(crate) const SWEEP_BATCH: usize = 512;
/// How many batches one round of housekeeping sweeps at most, far above the rate of any store.
pub(crate) const SWEEP_ROUNDS: usize = 400;
