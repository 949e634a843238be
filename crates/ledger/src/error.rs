//! Why the ledger did not do what was asked.

use sea_orm::DbErr;
use uuid::Uuid;

use crate::{Account, Money, PostingError};

/// Why a posting was not made. In every case but [`LedgerError::Db`] and [`LedgerError::Corrupt`] the
/// transaction stays usable and no balance, entry or operation was written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The posting is not one: the caller's mistake.
    #[error(transparent)]
    Posting(#[from] PostingError),
    /// The account has less than the posting takes.
    #[error("amount: the {account} has {available}, {needed} are needed")]
    Insufficient {
        /// The account that would go below zero.
        account: Account,
        /// What the posting takes from it.
        needed: Money,
        /// What it has.
        available: Money,
    },
    /// The operation was posted before with another kind or other legs.
    #[error("op_id: operation {op_id} was posted before with other entries")]
    Conflict {
        /// The operation.
        op_id: Uuid,
    },
    /// The kind's name stands for another balance rule in this database.
    #[error("kind: the {account} exists with another balance rule")]
    RuleMismatch {
        /// The account as it was asked for.
        account: Account,
    },
    /// The balance would have no place in 64 bits.
    #[error("amount: the balance of the {account} would be too large")]
    Overflow {
        /// The account.
        account: Account,
    },
    /// A row says what no row can say.
    #[error("the ledger holds an impossible row: {0}")]
    Corrupt(String),
    /// The database did not do its part. On PostgreSQL the transaction is over; a deadlock or a lock
    /// timeout is worth another try from the start.
    #[error("the ledger's database failed")]
    Db(#[from] DbErr),
}

impl LedgerError {
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }
}
