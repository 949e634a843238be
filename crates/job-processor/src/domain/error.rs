//! Why an action did not do all that it was asked.

use contracts::refusal::{Kind, Refusal};

/// Why an action did not do all that it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It will never do that.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Not all of it could be done now; what was done is recorded, and a repeat does the rest.
    #[error("try again later: {0}")]
    Later(String),
    /// The time for one call is up, or others are first; a repeat goes on at once.
    #[error("more is to be sent than can be at once")]
    Continue,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sea_orm::DbErr),
}

impl Error {
    /// A request that is wrong in itself.
    pub(crate) fn invalid(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(Kind::Invalid, reason, message))
    }
}
