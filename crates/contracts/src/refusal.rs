//! Typed refusals. A caller that compensates may act on these and on nothing else: a status without
//! one (a proxy's answer, a bug, a timeout) says nothing about the effect.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The domain of our error details.
const DOMAIN: &str = "handsel";

/// A decision of the callee not to do what it was asked, for a stable reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Refusal {
    /// Stable, for programs: `escrow_cancelled`, `product_unknown`.
    pub reason: String,
    /// For people.
    pub message: String,
    /// The nature of the refusal, which decides the gRPC code.
    pub kind: Kind,
}

/// What a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong.
    Invalid,
    /// It names something that does not exist.
    NotFound,
    /// The state of things does not allow it.
    State,
    /// The caller may not.
    Denied,
}

impl Refusal {
    /// A refusal.
    pub fn new(kind: Kind, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: reason.into(), message: message.into(), kind }
    }

    /// The refusal that a status carries, if it does.
    pub fn of(status: &Status) -> Option<Self> {
        let info = status.get_details_error_info()?;
        let kind = match status.code() {
            Code::InvalidArgument => Kind::Invalid,
            Code::NotFound => Kind::NotFound,
            Code::FailedPrecondition => Kind::State,
            Code::PermissionDenied => Kind::Denied,
            _ => return None,
        };
        (info.domain == DOMAIN).then(|| Self {
            reason: info.reason,
            message: status.message().to_owned(),
            kind,
        })
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.kind {
            Kind::Invalid => Code::InvalidArgument,
            Kind::NotFound => Code::NotFound,
            Kind::State => Code::FailedPrecondition,
            Kind::Denied => Code::PermissionDenied,
        };
        let details = ErrorDetails::with_error_info(refusal.reason, DOMAIN, HashMap::new());
        Self::with_error_details(code, refusal.message, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn travels_as_a_status() {
        let refusal = Refusal::new(Kind::State, "escrow_cancelled", "the escrow was cancelled");
        assert_eq!(Refusal::of(&Status::from(refusal.clone())), Some(refusal));
    }

    #[test]
    fn other_statuses_are_not_refusals() {
        assert_eq!(Refusal::of(&Status::failed_precondition("said a proxy")), None);
        assert_eq!(Refusal::of(&Status::unavailable("try later")), None);
    }
}
