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
/// How often a worker says that it is alive. One beat may be lost; a second one in a row loses its
/// claims.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a worker may be silent before a store takes its claims over. With the time until the next
/// round of housekeeping that makes fifteen seconds from its last beat.
pub const LEASE: Duration = Duration::from_secs(14);
/// How old a worker's report about a target may be: two beats, so that one may be lost.
pub const HEALTH_FRESH: Duration = Duration::from_secs(10);
/// How long a shutdown lets running attempts finish before it abandons them.
pub(crate) const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
/// The pause before a worker asks a store again that has had trouble: for calls, or to record an end.
pub(crate) const STORE_RETRY_BASE: Duration = Duration::from_millis(50);
/// The longest such pause: a store that is back is noticed soon.
pub(crate) const STORE_RETRY_CAP: Duration = Duration::from_secs(2);

/// How long a callee keeps an answer for repeats: many times what a worker needs to notice that one
/// was lost (a lease) and to try again (a backoff).
pub(crate) const KEEP_ANSWERS: Duration = Duration::from_secs(300);
/// How many bytes of answers a callee keeps. An answer of some hundred bytes is kept for its whole
/// time at a hundred calls a second; beyond that the oldest go first.
pub(crate) const KEEP_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// What one kept answer weighs besides its own bytes: its place in the maps.
pub(crate) const KEPT_ANSWER_OVERHEAD: usize = 512;
/// How much of `tracestate` is passed on: what W3C Trace Context asks of everybody.
pub(crate) const MAX_TRACESTATE_BYTES: usize = 512;

/// How often waiters are looked up, and the sweep and the takeover run.
pub(crate) const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// How many calls one lookup names: one script call, or one turn of the writer.
pub(crate) const LOOKUP_BATCH: usize = 128;
/// How many records one sweep removes: small, so that commits behind it are not held up.
pub(crate) const SWEEP_BATCH: usize = 512;
/// How many batches one round of housekeeping sweeps at most, far above the rate of any store.
pub(crate) const SWEEP_ROUNDS: usize = 400;

/// How far back a breaker looks: long enough for a judgement on a quiet lane, short enough to forget.
pub(crate) const BREAKER_WINDOW: Duration = Duration::from_secs(10);
/// How many attempts a breaker judges by at least: below, a single bad call would weigh too much.
pub(crate) const BREAKER_MIN_ATTEMPTS: u32 = 20;
/// The share of failed attempts that opens a breaker: retries would only double the load of a target
/// that fails every second call.
pub(crate) const BREAKER_FAILURE_PERCENT: u32 = 50;
/// The share of slow attempts that opens a breaker: nearly all, for some methods are slow by nature.
pub(crate) const BREAKER_SLOW_PERCENT: u32 = 80;
/// The attempt time that is slow: no command takes so long when all is well.
pub(crate) const BREAKER_SLOW: Duration = Duration::from_secs(2);
/// How long a target is left alone at first: about what a process takes to restart.
pub(crate) const BREAKER_OPEN: Duration = Duration::from_secs(5);
/// The longest time a target is left alone: without a health service, a recovery is noticed within a
/// minute.
pub(crate) const BREAKER_OPEN_CAP: Duration = Duration::from_mins(1);
/// How often a target that is left alone is looked at, and how long one look may take.
pub(crate) const PROBE: Duration = Duration::from_secs(1);

/// How often channels ask the store how a lane stands.
pub(crate) const LANE_REFRESH: Duration = Duration::from_secs(1);
/// How long one such question may take: a store that is slower refuses submissions by itself.
pub(crate) const LANE_LOOK_TIMEOUT: Duration = Duration::from_secs(1);
/// The least time between two questions about a lane that seems to be full: what was submitted since
/// the last one may have been answered.
pub(crate) const EARLY_LOOK: Duration = Duration::from_millis(20);
/// How many calls may wait in a lane: what a healthy callee works off within seconds, and a broken
/// one must not grow beyond.
pub(crate) const LANE_WAITING: u64 = 100_000;
/// How long the oldest due call may have waited while further callers are let in to wait as well:
/// far beyond any deadline.
pub(crate) const LANE_AGE: Duration = Duration::from_hours(1);
/// When to come again to a lane that is full: by then it has been looked at again.
pub(crate) const FULL_PUSHBACK: Duration = Duration::from_secs(1);

/// How many methods of a lane have metrics of their own; the rest share one label. Paths come from
/// callers, and labels live for ever.
pub(crate) const MAX_METRIC_METHODS: usize = 256;
