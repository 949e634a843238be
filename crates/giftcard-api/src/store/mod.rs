//! Entities and queries: the only place with SQL. One file per table.
//!
//! A function that changes a row returns whether it did: an expected refusal is a change that found
//! no row, never a constraint's error.

pub(crate) mod alert;
pub(crate) mod attempt;
pub(crate) mod audit;
pub(crate) mod authorisation;
pub(crate) mod block;
pub(crate) mod card;
pub(crate) mod column;
pub(crate) mod escrow;
pub(crate) mod event;
pub(crate) mod inbox;
pub(crate) mod line;
pub(crate) mod merchant;
pub(crate) mod operator_action;
pub(crate) mod payout;
pub(crate) mod product;
pub(crate) mod redemption;
pub(crate) mod reservation;
pub(crate) mod reveal;
pub(crate) mod reversal;
pub(crate) mod saga;
pub(crate) mod schedule;
pub(crate) mod session;
pub(crate) mod settlement;
pub(crate) mod statement;
pub(crate) mod token;
pub(crate) mod unmatched;
pub(crate) mod void;

use anyhow::Context as _;
use jiff::Timestamp;
use ledger::{Currency, Money};

/// An amount from its two columns.
///
/// # Errors
/// When the row is corrupt.
pub(crate) fn money(minor: i64, currency: &str) -> anyhow::Result<Money> {
    Ok(Money::new(minor, parse_currency(currency)?))
}

/// A currency from its column.
///
/// # Errors
/// When the row is corrupt.
pub(crate) fn parse_currency(currency: &str) -> anyhow::Result<Currency> {
    currency.parse().context("a row holds an impossible currency")
}

/// A time from its column.
pub(crate) fn time(ms: i64) -> Timestamp {
    platform::clock::from_millis(ms)
}
