//! How an action fails, and how that looks over HTTP and gRPC.

use std::time::Duration;

use contracts::refusal;
use http::StatusCode;
use ledger::{LedgerError, MoneyError, idempotency::IdempotencyError};
use platform::{
    http::{IdempotencyKey, Problem},
    roles::UsedUp,
};
use sea_orm::DbErr;
use tonic::Status;

use crate::domain::refusal::{Kind, Refusal};

/// How long a caller waits before it asks again, when something else was faster.
const CONTENDED_RETRY: Duration = Duration::from_secs(1);

/// How an action fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Expected: nothing was changed, and the caller learns why.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The key was used for another request. For an RPC this is a fault of the caller's program and
    /// deliberately not a refusal: nobody may compensate because of it.
    #[error("the key was used for another request")]
    KeyReused,
    /// A request with the same key is being worked on.
    #[error("a request with the same key is being worked on")]
    InProgress,
    /// Not yet: the caller asks again later.
    #[error("{0}")]
    Later(&'static str),
    /// Too many attempts.
    #[error("too many attempts")]
    TooMany(UsedUp),
    /// Our fault, or that of something we depend on.
    #[error(transparent)]
    Unexpected(#[from] anyhow::Error),
}

/// What an action returns.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A row that was just read is not as it was: the caller may try again at once.
    pub(crate) const CONTENDED: Self = Self::Later("it was changed at the same moment");
}

impl From<DbErr> for Error {
    /// A transaction whose waits are bounded may find a row locked for too long.
    fn from(error: DbErr) -> Self {
        match IdempotencyError::from(error) {
            IdempotencyError::Busy => Self::CONTENDED,
            other => Self::Unexpected(other.into()),
        }
    }
}

impl From<LedgerError> for Error {
    fn from(error: LedgerError) -> Self {
        Self::Unexpected(error.into())
    }
}

impl From<MoneyError> for Error {
    fn from(error: MoneyError) -> Self {
        Self::Unexpected(error.into())
    }
}

impl From<IdempotencyError> for Error {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::Busy => Self::InProgress,
            other => Self::Unexpected(other.into()),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match (refusal.kind(), &refusal) {
            (_, Refusal::Invalid { pointer, detail }) => {
                return Self::invalid_field(pointer.clone(), detail.clone());
            }
            (_, Refusal::LinkInvalid | Refusal::LinkExpired | Refusal::LinkUsed) => {
                StatusCode::GONE
            }
            (_, Refusal::CurrencyMismatch { .. } | Refusal::ValueOutOfRange { .. })
            | (Kind::Invalid, _) => StatusCode::UNPROCESSABLE_ENTITY,
            (Kind::NotFound, _) => StatusCode::NOT_FOUND,
            (Kind::State, _) => StatusCode::CONFLICT,
        };
        let problem = Self::new(status, refusal.code()).detail(refusal.to_string());
        match refusal {
            Refusal::CardExhausted { available } | Refusal::InsufficientBalance { available } => {
                problem.with("available", available)
            }
            Refusal::CardExpired { at } => problem.with("expires_at", at),
            Refusal::ExternalIdUsed { id } => problem.with("redemption_id", id),
            Refusal::AuthorisationKnown { id } => problem.with("authorisation_id", id),
            Refusal::AuthorisationEnded { state } => problem.with("state", state),
            Refusal::CaptureTooLarge { authorised } | Refusal::CardAuthorised { authorised } => {
                problem.with("authorised", authorised)
            }
            Refusal::ReversalTooLarge { left } => problem.with("left", left),
            Refusal::NothingToSettle { carried } => problem.with("carried", carried),
            _ => problem,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::KeyReused => IdempotencyKey::mismatch(),
            Error::InProgress => Self::conflict(
                "idempotency_key_in_use",
                "a request with the same key is being worked on",
            )
            .retry_after(CONTENDED_RETRY),
            Error::Later(why) => Self::unavailable(why, CONTENDED_RETRY),
            Error::TooMany(used_up) => Self::too_many(used_up),
            Error::Unexpected(error) => Self::unexpected(error),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => {
                let kind = match refusal.kind() {
                    Kind::Invalid => refusal::Kind::Invalid,
                    Kind::NotFound => refusal::Kind::NotFound,
                    Kind::State => refusal::Kind::State,
                };
                refusal::Refusal::new(kind, refusal.code(), refusal.to_string()).into()
            }
            // Without the typed detail, so that it does not count as a refusal.
            Error::KeyReused => Self::failed_precondition("the key was used with other bytes"),
            Error::InProgress => Self::unavailable("the same request is being worked on"),
            Error::Later(why) => Self::unavailable(why),
            Error::TooMany(_) => Self::resource_exhausted("too many attempts"),
            Error::Unexpected(error) => {
                tracing::error!(error = format!("{error:#}"), "call failed");
                Self::internal("something went wrong")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use platform::roles::Quota;

    use super::*;

    #[test]
    fn refusals_travel_with_their_reason() {
        let status = Status::from(Error::from(Refusal::EscrowCancelled));
        let refusal = refusal::Refusal::of(&status).unwrap();
        assert_eq!(refusal.reason, "escrow_cancelled");
        assert_eq!(Problem::from(Refusal::EscrowCancelled).status(), StatusCode::CONFLICT);
    }

    #[test]
    fn only_refusals_look_like_refusals() {
        let quota = Quota::new("test", NonZeroU32::MIN, Duration::from_secs(1));
        for error in [
            Error::KeyReused,
            Error::InProgress,
            Error::CONTENDED,
            Error::TooMany(UsedUp { quota, wait: Duration::ZERO }),
            Error::Unexpected(anyhow::anyhow!("secret detail")),
        ] {
            let status = Status::from(error);
            assert_eq!(refusal::Refusal::of(&status), None, "{status}");
            assert!(!status.message().contains("secret"), "{status}");
        }
    }
}
