//! Why the bank does not do something, and how the API says it.

use serde_json::{Value, json};

use crate::domain::fault::{Fault, Target};

/// Why the bank does not do something.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BankError {
    #[error("bearer api key is missing or wrong")]
    Unauthenticated,
    #[error("{field}: {reason}")]
    Invalid { field: &'static str, reason: String },
    #[error("header idempotency-key is missing, empty or too long")]
    KeyMissing,
    #[error("idempotency key was used before with another request")]
    KeyReuse,
    #[error("no such {what}")]
    NotFound { what: &'static str },
    #[error("method is not allowed here")]
    MethodNotAllowed,
    #[error("{what} is {from} and cannot become {to}")]
    Transition { what: &'static str, from: &'static str, to: &'static str },
    #[error("only {left_minor} minor units are left to refund")]
    RefundExceedsPayment { left_minor: i64 },
    #[error("fault {fault:?} does nothing on {target:?}")]
    FaultMisplaced { fault: Fault, target: Target },
    /// By a fault only: this bank's account never runs dry by itself.
    #[error("insufficient funds")]
    InsufficientFunds,
    /// By a fault only.
    #[error("too many requests")]
    RateLimited,
    /// By a fault only; whether the effect happened, the caller cannot tell.
    #[error("internal error")]
    Internal,
    #[error("the bank's file failed")]
    Store(#[from] rusqlite::Error),
}

impl BankError {
    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.describe().0
    }

    /// The body: `{"error": {"type", "code", "message"}}`.
    pub(crate) fn body(&self) -> Value {
        let (_, kind, code) = self.describe();
        json!({"error": {"type": kind, "code": code, "message": self.to_string()}})
    }

    /// Status, type and code: the one table that the API's errors come from.
    fn describe(&self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Unauthenticated => (401, "authentication_error", "api_key_invalid"),
            Self::Invalid { .. } => (400, "invalid_request", "parameter_invalid"),
            Self::KeyMissing => (400, "invalid_request", "idempotency_key_missing"),
            Self::KeyReuse => (409, "idempotency_error", "idempotency_key_reuse"),
            Self::NotFound { .. } => (404, "invalid_request", "not_found"),
            Self::MethodNotAllowed => (405, "invalid_request", "method_not_allowed"),
            Self::Transition { .. } => (409, "state_error", "transition_not_allowed"),
            Self::RefundExceedsPayment { .. } => (409, "state_error", "refund_exceeds_payment"),
            Self::FaultMisplaced { .. } => (400, "invalid_request", "fault_misplaced"),
            Self::InsufficientFunds => (402, "refusal", "insufficient_funds"),
            Self::RateLimited => (429, "rate_limit_error", "rate_limited"),
            Self::Internal | Self::Store(_) => (500, "api_error", "internal"),
        }
    }
}
