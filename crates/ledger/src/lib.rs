//! Money and a double-entry ledger, inside the caller's own database transaction, on SQLite and on
//! PostgreSQL through one code path.
//!
//! | module | what it gives |
//! |---|---|
//! | `currency`, `money` | amounts in whole minor units of one currency, checked arithmetic |
//! | `account` | whose money of which kind, and what its balance may do |
//! | `posting` | an operation and its signed legs, which sum to zero: pure |
//! | `post` | writes a posting: lock, decide, write; idempotent by `op_id` |
//! | `read` | balances and entries |
//! | [`holds`] | money set aside: `held → captured \| released` |
//! | [`idempotency`] | the first answer to a key is the answer for ever |
//! | [`guard`] | triggers by which the database refuses what must never happen |
//! | [`audit`] | what must always hold, checked in the database |
//! | `migrations` | the tables, for the migrator of the application that uses them |
//!
//! A write takes the caller's [`sea_orm::DatabaseTransaction`], so that money moves with what it moves
//! for or not at all; a read takes any connection. Refusals come before the first write and leave the
//! transaction usable. Credits are positive, debits negative.

pub mod audit;
pub mod guard;
pub mod holds;
pub mod idempotency;

mod account;
mod currency;
mod error;
mod migrations;
mod money;
mod op_id;
mod post;
mod posting;
mod read;
mod sql;

pub use account::{Account, AccountKind, BalanceRule, Mode, UnknownMode};
pub use currency::{Currency, UnknownCurrency};
pub use error::LedgerError;
pub use migrations::{migrations, missing_guards};
pub use money::{Money, MoneyError};
pub use op_id::op_id;
pub use post::{Posted, post, posted};
pub use posting::{Leg, MAX_LEGS, Posting, PostingError};
pub use read::{Entry, Span, balance, balance_at, entries, spans};
