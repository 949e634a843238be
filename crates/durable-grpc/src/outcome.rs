//! Why a call failed, as far as the library can tell.

use std::time::Duration;

use http::{HeaderValue, header::RETRY_AFTER};
use tonic::{Code, Status, metadata::MetadataMap};

use crate::{
    headers::{CALL_ID, END, OUTCOME, RETRY_PUSHBACK_MS},
    id::CallId,
    limits::FULL_PUSHBACK,
    store::{EndKind, Ended, StoreError},
};

/// What a status made by the library says about the effect of the call. A status of the callee has
/// no outcome: it is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The call was not accepted, or is certain never to have reached the callee and never will. The
    /// caller may act as if it had not been made.
    NotAccepted,
    /// The call may have been executed, may be running, or may still run. Ask again under the same
    /// key, or by the call's id; do not compensate.
    Unknown,
    /// The key belongs to a call with other bytes. This is a fault of the program, not a refusal.
    Mismatch,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NotAccepted => "not-accepted",
            Self::Unknown => "unknown",
            Self::Mismatch => "mismatch",
        }
    }
}

/// The outcome that the library attached, or `None` when the status is the callee's own.
#[must_use]
pub fn outcome(status: &Status) -> Option<Outcome> {
    match status.metadata().get(OUTCOME)?.to_str().ok()? {
        "not-accepted" => Some(Outcome::NotAccepted),
        "mismatch" => Some(Outcome::Mismatch),
        // A newer library may know further words; whatever they mean, the effect is not known here.
        _ => Some(Outcome::Unknown),
    }
}

/// The call that a status belongs to, if it has one.
#[must_use]
pub fn call_id(status: &Status) -> Option<CallId> {
    status.metadata().get(CALL_ID)?.to_str().ok()?.parse().ok()
}

/// How the call ended, when it ended without an answer: `None` means that it was answered, goes on,
/// or was never accepted.
#[must_use]
pub fn end_kind(status: &Status) -> Option<EndKind> {
    EndKind::from_name(status.metadata().get(END)?.to_str().ok()?)
}

/// A status that the library makes itself.
pub(crate) fn status(
    code: Code,
    message: impl Into<String>,
    outcome: Outcome,
    id: Option<CallId>,
) -> Status {
    let mut metadata = MetadataMap::with_capacity(3);
    let headers = metadata.as_mut();
    headers.insert(OUTCOME, HeaderValue::from_static(outcome.as_str()));
    if let Some(id) = id {
        headers.insert(CALL_ID, id.header_value());
    }
    Status::with_metadata(code, message, metadata)
}

pub(crate) fn not_accepted(code: Code, message: impl Into<String>) -> Status {
    status(code, message, Outcome::NotAccepted, None)
}

/// The status of a call that was not let in for now, with the time after which it may be: in whole
/// seconds as in HTTP, and in milliseconds as gRPC's retry design has it.
pub(crate) fn come_again(code: Code, message: impl Into<String>, after: Duration) -> Status {
    let mut status = not_accepted(code, message);
    let millis = u64::try_from(after.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    let headers = status.metadata_mut().as_mut();
    headers.insert(RETRY_AFTER, millis.div_ceil(1000).into());
    headers.insert(RETRY_PUSHBACK_MS, millis.into());
    status
}

/// The refusal of a call that has run before under its key: what became of that is not known.
pub(crate) fn of_earlier_run(mut refused: Status, id: CallId) -> Status {
    let headers = refused.metadata_mut().as_mut();
    headers.insert(OUTCOME, HeaderValue::from_static(Outcome::Unknown.as_str()));
    headers.insert(CALL_ID, id.header_value());
    refused
}

/// Whether the lane was not open, so that it makes no sense to try before it is.
pub(crate) fn is_lane_shut(status: &Status) -> bool {
    status.code() == Code::Unavailable
        && outcome(status).is_some()
        && status.metadata().contains_key(RETRY_PUSHBACK_MS.as_str())
}

pub(crate) fn deadline_exceeded(id: CallId) -> Status {
    let message = format!("call {id} was not answered within the caller's deadline");
    status(Code::DeadlineExceeded, message, Outcome::Unknown, Some(id))
}

/// The caller's deadline passed before the store had said anything.
pub(crate) fn not_submitted_in_time(id: Option<CallId>) -> Status {
    let message = "call store did not answer within the caller's deadline";
    status(Code::DeadlineExceeded, message, Outcome::Unknown, id)
}

pub(crate) fn mismatch(id: CallId) -> Status {
    let message = format!("key belongs to call {id} with other message bytes");
    status(Code::FailedPrecondition, message, Outcome::Mismatch, Some(id))
}

/// The status of a submission, or of the question for its key, that the store did not take. Whoever
/// names a key may have named it before: a store that was not reached cannot say that there is no
/// such call, so it may be running.
pub(crate) fn store_failed(error: &StoreError, id: CallId, keyed: bool) -> Status {
    let message = format!("call store: {error}");
    match error {
        StoreError::LaneFull { .. } => come_again(Code::ResourceExhausted, message, FULL_PUSHBACK),
        StoreError::NotWritten(_) | StoreError::Closed if keyed => {
            status(Code::Unavailable, message, Outcome::Unknown, None)
        }
        StoreError::NotWritten(_) | StoreError::Closed => not_accepted(Code::Unavailable, message),
        StoreError::Uncertain(_) => status(Code::Unavailable, message, Outcome::Unknown, Some(id)),
    }
}

/// The status of a call that ended without an answer of the callee.
pub(crate) fn ended_without_answer(id: CallId, ended: &Ended) -> Status {
    let (code, what) = match ended.kind {
        EndKind::Expired => (Code::DeadlineExceeded, "expired"),
        EndKind::Dead => (Code::Aborted, "is a dead letter"),
        EndKind::Ambiguous | EndKind::Answered => (Code::Unknown, "may or may not have executed"),
        EndKind::Cancelled => (Code::Cancelled, "was cancelled"),
        EndKind::Discarded => (Code::Aborted, "was discarded by an operator"),
    };
    // A dead letter can be replayed, so nothing is certain about it, whatever happened so far.
    let certain = matches!(ended.kind, EndKind::Expired | EndKind::Cancelled);
    let outcome =
        if certain && !ended.may_have_executed { Outcome::NotAccepted } else { Outcome::Unknown };
    let message = if ended.reason.is_empty() {
        format!("call {id} {what}")
    } else {
        format!("call {id} {what}: {}", ended.reason)
    };
    let mut status = status(code, message, outcome, Some(id));
    status.metadata_mut().as_mut().insert(END, HeaderValue::from_static(ended.kind.name()));
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_up() {
        fn check(after: Duration, seconds: &str, millis: &str) {
            let status = come_again(Code::Unavailable, "down", after);
            assert_eq!(status.metadata().get("retry-after").unwrap(), seconds, "{after:?}");
            assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), millis);
            assert_eq!(outcome(&status), Some(Outcome::NotAccepted));
            assert!(is_lane_shut(&status));
        }
        check(Duration::from_micros(1), "1", "1");
        check(Duration::from_millis(1000), "1", "1000");
        check(Duration::from_millis(1001), "2", "1001");
    }
}
