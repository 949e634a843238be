//! Durable unary gRPC calls: a call is persisted before it is executed, retried until it is
//! answered, and its answer is kept for whoever asks again. The caller uses an ordinary generated
//! tonic client; only the channel differs.
//!
//! # A map of the crate
//!
//! A call travels through these modules in this order:
//!
//! | module | what it does |
//! |---|---|
//! | [`options`](RequestExt) | what a caller may ask for on a request: key, deadline, detached, later |
//! | [`channel`](DurableChannel) | the `tower::Service` under a generated client: takes the one message out of its frame |
//! | [`calls`](Calls) | the entry point: submits, waits, replays, inspects; also takes encoded bytes ([`RawCall`]) |
//! | `gate` | the entrance of a lane: breaker and backpressure, from what the store last said |
//! | `waiters` | who waits for which call in this process |
//! | [`store`] | the promise a call store makes, the SQLite store and the Redis store |
//! | [`worker`](Worker) | claims calls of its lanes, executes them, records how they ended |
//! | `breaker` | the pure state machine that says whether a target takes calls |
//! | [`target`](Target) | where a lane's calls are executed: in process, or at balanced endpoints |
//! | [`direct`](DirectChannel) | the plain channel to a target, for queries |
//! | `attempt`, `decide` | one execution of a call, and the pure rules that say what its result means |
//! | [`server`] | the callee's side: verification, repeats, the trace, what a handler learns of its call |
//! | [`mac`](MacKey) | the seal that a caller puts on a call, and a callee verifies |
//! | `trace` | one trace through caller, worker and callee |
//! | [`outcome`](Outcome) | why a call failed, as far as the library can tell |
//! | [`relay`](Relay) | submits the rows of an outbox until each of them is answered |
//! | `metrics` | what is counted, with all names in a table |
//! | `housekeeping` | once a second: looks waiters up, sweeps what retention has let go, takes claims over |
//!
//! # What is promised
//!
//! *At least once*: an accepted call is executed until it is answered or until its policy ends it,
//! and it never disappears silently. A method that is not marked idempotent in its proto is sent at
//! most once; when its answer is lost, the call ends as ambiguous and waits in the dead letters.
//! *Once* needs the callee: it records the key in its own transaction, as [`server::joining`] shows.
//!
//! A notification is sent with or after the commit of what it tells, and may be lost: whoever waits is
//! looked up once a second besides.

mod answer;
mod attempt;
mod breaker;
mod calls;
mod channel;
mod clock;
mod decide;
mod descriptors;
mod direct;
mod framing;
mod gate;
mod headers;
mod housekeeping;
mod id;
mod limits;
mod mac;
mod metrics;
mod options;
mod outcome;
mod raw;
mod relay;
pub mod server;
pub mod store;
mod target;
mod trace;
mod waiters;
mod worker;

pub use breaker::BreakerOptions;
pub use calls::{BuildError, Calls, CallsBuilder};
pub use channel::DurableChannel;
pub use clock::{Clock, SystemClock};
pub use direct::DirectChannel;
pub use gate::LaneLimits;
pub use headers::{ATTEMPT, CALL_ID, END, KEY, LANE, MAC, OUTCOME, TIME_LEFT_MS};
pub use id::{CallId, InvalidCallId};
pub use limits::{DEFAULT_DEADLINE, MAX_MESSAGE_BYTES, MAX_METADATA_BYTES};
pub use mac::MacKey;
pub use options::{DurableOptions, RequestExt};
pub use outcome::{Outcome, call_id, end_kind, outcome};
pub use raw::{RawCall, RawReply};
pub use relay::{Answer, OutboxRow, OutboxSource, Relay, RelayBuilder, SourceError};
#[cfg(feature = "redis")]
pub use store::redis::{ConnectError, RedisOptions, RedisStore};
#[cfg(feature = "sqlite")]
pub use store::sqlite::{OpenError, SqliteOptions, SqliteStore};
pub use store::{
    CallStore, Cancelled, DeadLetter, DeadLetterFilter, EndKind, LaneStats, StoreError,
};
pub use target::Target;
pub use worker::{Worker, WorkerBuilder, WorkerHandle};
