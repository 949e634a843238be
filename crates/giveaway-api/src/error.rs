//! What actions refuse, and how a refusal is told over HTTP and gRPC.

use std::{borrow::Cow, time::Duration};

use contracts::refusal::{Kind, Refusal};
use http::StatusCode;
use ledger::{LedgerError, Money};
use platform::{
    http::{FieldError, Problem},
    roles::UsedUp,
};
use sea_orm::DbErr;
use tonic::Status;

/// How long a caller waits before it asks again for something that is down or busy: long enough for
/// a restart, short enough for a person.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Why an action did nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input is wrong; the fields are named.
    #[error("the input is not valid")]
    Invalid(Vec<FieldError>),
    /// There is no such thing, or it belongs to someone else.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The state of things does not allow it.
    #[error("{message}")]
    State {
        /// Stable, for programs: `wrong_state`, `giveaway_closed`.
        code: &'static str,
        /// For people.
        message: String,
    },
    /// It was possible once and never will be again: an expired link, a prize that passed on.
    #[error("{message}")]
    Gone {
        /// Stable, for programs: `link_expired`.
        code: &'static str,
        /// For people.
        message: String,
    },
    /// The wallet has less than is needed.
    #[error("the wallet has {available} available, {needed} are needed")]
    InsufficientFunds {
        /// What is needed.
        needed: Money,
        /// What is there.
        available: Money,
    },
    /// The idempotency key was used with another request.
    #[error("this idempotency key was used with another request")]
    KeyReused,
    /// The first request with this key has not ended.
    #[error("a request with this idempotency key is still under way")]
    KeyBusy,
    /// A refusal that was given before under the same idempotency key, replayed word for word.
    #[error("{body}")]
    Replayed {
        /// The status that was given.
        status: StatusCode,
        /// The problem that was given.
        body: serde_json::Value,
    },
    /// Who asks has asked too often.
    #[error("too many attempts")]
    TooMany(UsedUp),
    /// Something we depend on does not answer; nothing was changed.
    #[error("{0}")]
    Unavailable(Cow<'static, str>),
    /// Not foreseen. Logged where the request ends; never told.
    #[error("{0:#}")]
    Unexpected(anyhow::Error),
}

/// What actions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A wrong field.
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(pointer, detail)])
    }

    /// A refusal because of the state of things.
    pub fn state(code: &'static str, message: impl Into<String>) -> Self {
        Self::State { code, message: message.into() }
    }

    /// A refusal that will not change.
    pub fn gone(code: &'static str, message: impl Into<String>) -> Self {
        Self::Gone { code, message: message.into() }
    }

    /// Whether this refuses because of the state of things: such a refusal is the answer to its
    /// request for ever, and a retry needs a new idempotency key.
    pub const fn is_of_state(&self) -> bool {
        matches!(self, Self::State { .. } | Self::Gone { .. } | Self::InsufficientFunds { .. })
    }

    /// The stable code, for programs.
    pub fn code(&self) -> &str {
        match self {
            Self::Invalid(_) => "invalid_input",
            Self::NotFound(_) => "not_found",
            Self::State { code, .. } | Self::Gone { code, .. } => code,
            Self::InsufficientFunds { .. } => "insufficient_funds",
            Self::KeyReused => "idempotency_key_reused",
            Self::KeyBusy => "idempotency_key_in_use",
            Self::Replayed { body, .. } => body["code"].as_str().unwrap_or("refused"),
            Self::TooMany(_) => "too_many_requests",
            Self::Unavailable(_) => "unavailable",
            Self::Unexpected(_) => "internal",
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Invalid(errors) => Self::invalid(errors),
            Error::NotFound(_) => Self::not_found(message),
            Error::State { code, .. } => Self::conflict(code, message),
            Error::Gone { code, .. } => Self::new(StatusCode::GONE, code).detail(message),
            Error::InsufficientFunds { needed, available } => {
                Self::conflict("insufficient_funds", message)
                    .with("needed", needed)
                    .with("available", available)
            }
            Error::KeyReused => platform::http::IdempotencyKey::mismatch(),
            Error::KeyBusy => {
                Self::conflict("idempotency_key_in_use", message).retry_after(RETRY_AFTER)
            }
            Error::Replayed { status, body } => replayed(status, &body),
            Error::TooMany(used_up) => Self::too_many(used_up),
            Error::Unavailable(message) => Self::unavailable(message, RETRY_AFTER),
            Error::Unexpected(error) => Self::unexpected(error),
        }
    }
}

/// The problem that was stored, once more.
fn replayed(status: StatusCode, body: &serde_json::Value) -> Problem {
    const STANDARD: [&str; 5] = ["type", "title", "status", "code", "detail"];
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let problem = Problem::new(status, text("code")).detail(text("detail"));
    body.as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| !STANDARD.contains(&name.as_str()))
        .fold(problem, |problem, (name, value)| problem.with(name, value))
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Invalid(_) | Error::KeyReused => Kind::Invalid,
            Error::NotFound(_) => Kind::NotFound,
            Error::State { .. }
            | Error::Gone { .. }
            | Error::InsufficientFunds { .. }
            | Error::Replayed { .. } => Kind::State,
            Error::KeyBusy | Error::TooMany(_) | Error::Unavailable(_) => {
                return Self::unavailable(error.to_string());
            }
            Error::Unexpected(error) => {
                tracing::error!(error = format!("{error:#}"), "rpc failed");
                return Self::internal("something went wrong on our side");
            }
        };
        Refusal::new(kind, error.code(), error.to_string()).into()
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Unexpected(error.into())
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Unexpected(error)
    }
}

impl From<crate::domain::states::UnknownState> for Error {
    fn from(error: crate::domain::states::UnknownState) -> Self {
        Self::Unexpected(error.into())
    }
}

impl From<LedgerError> for Error {
    /// Not having enough is the one refusal that a caller can do something about.
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Insufficient { needed, available, .. } => {
                Self::InsufficientFunds { needed, available }
            }
            error => Self::Unexpected(error.into()),
        }
    }
}
