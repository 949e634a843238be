//! What is told of a call and of a lane, to people and programs. Never what a call carries: a message
//! may name persons, and whoever looks after the queue has no need to know them.

use std::time::{Duration, SystemTime};

use durable_grpc::{
    LaneStats,
    store::{CallState, CallView, DeadLetter, Ended},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page of dead letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Page {
    /// The calls, the oldest first.
    pub(super) items: Vec<Call>,
    /// Where the next page begins: after this one; null on the last.
    pub(super) next: Option<String>,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Call {
    /// Its id.
    #[schema(format = "uuid")]
    pub(super) id: String,
    /// Its lane.
    pub(super) lane: String,
    /// What is called.
    pub(super) method: String,
    /// What makes a repeat of it the same call.
    pub(super) key: Option<String>,
    /// `waiting`, `running`, or how it ended: `answered`, `expired`, `dead`, `ambiguous`, `cancelled`,
    /// `discarded`.
    pub(super) state: String,
    /// Why it ended, when it has no answer.
    pub(super) reason: Option<String>,
    /// The callee's refusal, when that is what ended it.
    pub(super) refusal: Option<Refused>,
    /// Whether the callee may have executed it; null while it has not ended.
    pub(super) may_have_executed: Option<bool>,
    /// Attempts that reached the callee, or may have.
    pub(super) attempts: u32,
    /// Claims that were lost with their worker.
    pub(super) lost: u32,
    /// When it was submitted.
    pub(super) submitted_at: Timestamp,
    /// When it became a dead letter; null for other calls.
    pub(super) died_at: Option<Timestamp>,
    /// The length of its message; null when only the hash is kept.
    pub(super) payload_bytes: Option<usize>,
    /// The hash of its message.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub(super) payload_sha256: String,
}

/// What a callee said. Its details are not told: they may repeat what the call carried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Refused {
    /// The gRPC code.
    pub(super) code: String,
    /// In words.
    pub(super) message: String,
}

/// How a lane stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Lane {
    /// Its name.
    pub(super) lane: String,
    /// Calls that may run now.
    pub(super) ready: u64,
    /// Calls that wait for their time.
    pub(super) later: u64,
    /// Calls that run.
    pub(super) running: u64,
    /// Calls that were given up.
    pub(super) dead: u64,
    /// What the messages of waiting calls come to.
    pub(super) waiting_bytes: u64,
    /// How long the oldest due call has been due, in milliseconds.
    pub(super) oldest_ready_ms: Option<u64>,
    /// Calls whose time ran out since the queue was opened.
    pub(super) expired: u64,
    /// Calls that were answered since the queue was opened.
    pub(super) answered: u64,
}

impl From<&CallView> for Call {
    fn from(call: &CallView) -> Self {
        let (state, ended) = match &call.state {
            CallState::Waiting => ("waiting", None),
            CallState::Running => ("running", None),
            CallState::Ended(ended) => (ended.kind.name(), Some(&**ended)),
        };
        Self {
            id: call.id.to_string(),
            lane: call.lane.to_string(),
            method: call.method.to_string(),
            key: call.key.as_deref().map(str::to_owned),
            state: state.to_owned(),
            reason: ended.map(|ended| ended.reason.clone()).filter(|reason| !reason.is_empty()),
            refusal: ended.and_then(Refused::of),
            may_have_executed: ended.map(|ended| ended.may_have_executed),
            attempts: call.attempts,
            lost: call.lost,
            submitted_at: timestamp(call.submitted_at),
            died_at: None,
            payload_bytes: None,
            payload_sha256: hex::encode(call.hash),
        }
    }
}

impl From<&DeadLetter> for Call {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            died_at: Some(timestamp(letter.died_at)),
            payload_bytes: Some(letter.payload.len()),
            ..Self::from(&letter.call)
        }
    }
}

impl Refused {
    fn of(ended: &Ended) -> Option<Self> {
        let status = ended.answer.as_ref()?.refusal()?;
        Some(Self { code: format!("{:?}", status.code()), message: status.message().to_owned() })
    }
}

impl From<LaneStats> for Lane {
    fn from(stats: LaneStats) -> Self {
        let LaneStats { lane, ready, later, running, dead, waiting_bytes, .. } = stats;
        let LaneStats { oldest_ready, expired, answered, .. } = stats;
        let oldest_ready_ms = oldest_ready.map(millis);
        Self {
            lane,
            ready,
            later,
            running,
            dead,
            waiting_bytes,
            oldest_ready_ms,
            expired,
            answered,
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A time that the calendar has no room for is shown as its end.
fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::MAX)
}
