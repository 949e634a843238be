//! What goes into a call store and what comes out of it.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::HeaderMap;
use uuid::Uuid;

use crate::id::CallId;

/// A call on its way into the store.
#[derive(Clone)]
pub struct NewCall {
    /// The id the call gets unless its key already names a call.
    pub id: CallId,
    /// The lane: one per target service.
    pub lane: Arc<str>,
    /// The method's path, `/package.Service/Method`.
    pub method: Arc<str>,
    /// The caller's name for the effect, unique within lane and method.
    pub key: Option<Arc<str>>,
    /// SHA-256 of the uncompressed message.
    pub hash: [u8; 32],
    /// The metadata that travels with the call.
    pub metadata: HeaderMap,
    /// The uncompressed message, without its frame.
    pub payload: Bytes,
    /// How the call is tried and kept.
    pub policy: Policy,
    /// The earliest time of execution.
    pub not_before: Option<SystemTime>,
}

/// How a call is tried and kept. The first submission's policy wins over that of later ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whether the method may be sent again after an attempt whose outcome is not known.
    pub idempotent: bool,
    /// Nobody waits for the answer.
    pub detached: bool,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// How long the call may be tried, from its submission or from `not_before`.
    pub expires_in: Duration,
    /// The attempts that may reach the callee; without it only the expiry counts.
    pub max_attempts: Option<u32>,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// Persisted, to be executed, under this id: the submission's own, or that of an earlier call
    /// under the same key that ended without an answer and now runs again.
    Accepted(CallId),
    /// The key names a call that waits or runs.
    Attached(CallId),
    /// The key names a call that has an answer, is ambiguous, or was discarded.
    Ended(CallId, Arc<Ended>),
    /// The key names a call with other bytes. Nothing was changed.
    Mismatch(CallId),
}

/// One incarnation of a worker. A restarted worker is another owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner(Uuid);

impl Owner {
    /// A new incarnation.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The right to say what became of a claimed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The claimed call.
    pub id: CallId,
    /// Its lane.
    pub lane: Arc<str>,
    /// Who claimed it.
    pub owner: Owner,
    /// The fencing token: no two claims of a call have the same.
    pub delivery: u64,
}

/// A call in the hands of a worker.
#[derive(Debug, Clone)]
pub struct Claim {
    /// To be shown when finishing.
    pub receipt: Receipt,
    /// The call itself.
    pub call: Arc<StoredCall>,
    /// What was left until the expiry when the call was claimed; zero when it has expired.
    pub time_left: Duration,
}

/// A call as the store holds it while it is unfinished.
#[derive(Clone)]
pub struct StoredCall {
    /// The call's id.
    pub id: CallId,
    /// Its lane.
    pub lane: Arc<str>,
    /// The method's path.
    pub method: Arc<str>,
    /// The key, if the caller gave one.
    pub key: Option<Arc<str>>,
    /// The metadata that travels with the call.
    pub metadata: HeaderMap,
    /// The message.
    pub payload: Bytes,
    /// How it is tried and kept.
    pub policy: Policy,
    /// Attempts that reached the callee, or may have, and whose end was recorded.
    pub attempts: u32,
    /// Tries that certainly did not reach the callee.
    pub unsent: u32,
    /// Claims that were lost with their owner. They may have reached the callee.
    pub lost: u32,
    /// The call has run before, under the same id, and may have reached the callee then: it was
    /// replayed, or its key was named again after an end without an answer.
    pub ran_before: bool,
}

impl StoredCall {
    /// Which attempt the next one is, counted from 1. Lost ones count, because the callee may have
    /// seen them.
    pub(crate) const fn attempt_number(&self) -> u32 {
        self.attempts.saturating_add(self.lost).saturating_add(1)
    }

    /// Whether the callee may have seen this call before.
    #[must_use]
    pub const fn may_have_executed(&self) -> bool {
        self.attempts > 0 || self.lost > 0 || self.ran_before
    }
}

/// What to record about a claimed call.
#[derive(Debug, Clone)]
pub struct Finish {
    /// The claim.
    pub receipt: Receipt,
    /// What became of it.
    pub disposition: Disposition,
}

/// What became of one execution of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Disposition {
    /// The call has ended.
    End {
        /// How.
        ended: Arc<Ended>,
        /// Whether this attempt reached the callee, or may have.
        sent: bool,
    },
    /// The call is to be tried again.
    Retry {
        /// When, from now.
        after: Duration,
        /// Whether the attempt reached the callee, or may have.
        sent: bool,
    },
}

/// Whether the store heard the owner of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is recorded.
    Done,
    /// The claim belongs to someone else by now, or the call has ended. Nothing was changed.
    Fenced,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The kind of end.
    pub kind: EndKind,
    /// The callee's answer. Only an answered call replays it; a detached call that was refused keeps
    /// it for the operator.
    pub answer: Option<StoredAnswer>,
    /// Why, in words, when there is no answer.
    pub reason: String,
    /// Whether the callee may have executed the call.
    pub may_have_executed: bool,
}

impl Ended {
    /// The end of a call that has no answer.
    #[must_use]
    pub const fn without_answer(kind: EndKind, reason: String, may_have_executed: bool) -> Self {
        Self { kind, answer: None, reason, may_have_executed }
    }

    /// The end of a call that someone cancelled.
    #[must_use]
    pub const fn cancelled(may_have_executed: bool) -> Self {
        Self::without_answer(EndKind::Cancelled, String::new(), may_have_executed)
    }

    /// The end of a call that was marked as started and lost with its owner.
    #[must_use]
    pub fn lost_after_start() -> Self {
        let reason = "its worker was lost after sending it".to_owned();
        Self::without_answer(EndKind::Ambiguous, reason, true)
    }
}

/// The ways in which a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndKind {
    /// The callee answered: OK or a refusal.
    Answered,
    /// An unkeyed awaited call was claimed after its caller had stopped waiting. Counted, not kept.
    Expired,
    /// The call was given up: it expired, spent its attempts, its answer could not be kept, or nobody
    /// waited for the refusal. A dead letter.
    Dead,
    /// A call that is not idempotent was sent and its answer lost. A dead letter.
    Ambiguous,
    /// Someone cancelled it.
    Cancelled,
    /// An operator discarded the dead letter.
    Discarded,
}

impl EndKind {
    const ALL: [Self; 6] = [
        Self::Answered,
        Self::Expired,
        Self::Dead,
        Self::Ambiguous,
        Self::Cancelled,
        Self::Discarded,
    ];

    /// The kind in a word, as in the metadata `durable-end`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Expired => "expired",
            Self::Dead => "dead",
            Self::Ambiguous => "ambiguous",
            Self::Cancelled => "cancelled",
            Self::Discarded => "discarded",
        }
    }

    /// Reads [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The number that stores keep. Numbers are never reused.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Answered => 2,
            Self::Expired => 3,
            Self::Dead => 4,
            Self::Ambiguous => 5,
            Self::Cancelled => 6,
            Self::Discarded => 7,
        }
    }

    /// Reads [`number`](Self::number).
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Whether a call that ended so waits for an operator.
    #[must_use]
    pub const fn is_dead_letter(self) -> bool {
        matches!(self, Self::Dead | Self::Ambiguous)
    }

    /// Whether the same key again runs the call again, rather than replaying the end.
    #[must_use]
    pub const fn runs_again(self) -> bool {
        matches!(self, Self::Expired | Self::Dead | Self::Cancelled)
    }
}

/// What a callee answered, as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAnswer {
    /// The initial metadata.
    pub headers: HeaderMap,
    /// The message, when the answer is OK.
    pub message: Option<Bytes>,
    /// The trailers, with `grpc-status`, `grpc-message` and `grpc-status-details-bin` as received.
    pub trailers: HeaderMap,
}

/// Where a call stands.
#[derive(Debug, Clone, PartialEq)]
pub enum CallState {
    /// Waits in its lane, or for its time.
    Waiting,
    /// A worker holds it.
    Running,
    /// It has ended.
    Ended(Arc<Ended>),
}

/// What a store knows about a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallView {
    /// The call's id.
    pub id: CallId,
    /// Its lane.
    pub lane: Arc<str>,
    /// The method's path.
    pub method: Arc<str>,
    /// The key, if the caller gave one.
    pub key: Option<Arc<str>>,
    /// SHA-256 of the message.
    pub hash: [u8; 32],
    /// When it was submitted.
    pub submitted_at: SystemTime,
    /// Attempts that reached the callee, or may have.
    pub attempts: u32,
    /// Claims that were lost with their owner.
    pub lost: u32,
    /// Where it stands.
    pub state: CallState,
}

/// A call that waits for an operator.
#[derive(Clone, PartialEq)]
pub struct DeadLetter {
    /// The call, with `state` telling why it died.
    pub call: CallView,
    /// When it died.
    pub died_at: SystemTime,
    /// The message, for inspection.
    pub payload: Bytes,
}

/// Which dead letters to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterFilter {
    /// Only those of this lane.
    pub lane: Option<String>,
    /// Only those after this one, for the next page.
    pub after: Option<CallId>,
    /// At most so many.
    pub limit: usize,
}

impl Default for DeadLetterFilter {
    fn default() -> Self {
        Self { lane: None, after: None, limit: 100 }
    }
}

/// What became of a request to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The call waited and is now removed. `may_have_executed` says whether an earlier attempt may
    /// have reached the callee.
    Removed {
        /// Whether the callee may have seen it.
        may_have_executed: bool,
    },
    /// The call runs; its worker was told to stop. It may have executed.
    Signalled,
    /// The call had ended.
    AlreadyEnded,
    /// There is no such call.
    NotFound,
}

/// How a lane stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneStats {
    /// The lane.
    pub lane: String,
    /// Calls that are due.
    pub ready: u64,
    /// Calls that wait for their time or for the next try.
    pub later: u64,
    /// Calls in the hands of workers.
    pub running: u64,
    /// Dead letters, ambiguous ones among them.
    pub dead: u64,
    /// Bytes of messages that wait.
    pub waiting_bytes: u64,
    /// How long the oldest due call has been due.
    pub oldest_ready: Option<Duration>,
    /// Calls that expired unseen since the store was opened.
    pub expired: u64,
    /// Calls answered since the store was opened.
    pub answered: u64,
}

/// How a worker sees the target of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetHealth {
    /// It takes calls.
    Up,
    /// It does not, and the worker has parked the lane.
    Down {
        /// When the worker will let the next call try.
        retry_after: Duration,
    },
}

/// How a lane stands for somebody who is about to call through it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    /// One report for each live worker of the lane.
    pub workers: Vec<TargetHealth>,
    /// Calls that wait: those that are due, and those that are not yet.
    pub waiting: u64,
    /// How long the oldest due call has been due.
    pub oldest_ready: Option<Duration>,
}

/// Why a store could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The lane holds as many bytes as it may.
    #[error("lane {lane} is full: {waiting_bytes} of {limit} bytes wait")]
    LaneFull {
        /// The lane.
        lane: String,
        /// The bytes that wait in it.
        waiting_bytes: u64,
        /// The most that may.
        limit: u64,
    },
    /// Nothing was written.
    #[error("nothing was written: {0}")]
    NotWritten(String),
    /// It is not known whether it was written.
    #[error("it is not known whether it was written: {0}")]
    Uncertain(String),
    /// The store is closed.
    #[error("store is closed")]
    Closed,
}

impl fmt::Debug for NewCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewCall")
            .field("id", &self.id)
            .field("lane", &self.lane)
            .field("method", &self.method)
            .field("key", &self.key)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for StoredCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredCall")
            .field("id", &self.id)
            .field("lane", &self.lane)
            .field("method", &self.method)
            .field("key", &self.key)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .field("attempts", &self.attempts)
            .field("unsent", &self.unsent)
            .field("lost", &self.lost)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("call", &self.call)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish_non_exhaustive()
    }
}
