//! How the movements of a wallet are called, and where a page of them begins.

use std::{fmt, str::FromStr};

use super::books::{AVAILABLE, HELD, HOST_DEBT};

/// The accounts of a wallet, in the order in which everything here names them.
pub const ACCOUNTS: [ledger::AccountKind; 3] = [AVAILABLE, HELD, HOST_DEBT];

/// What an operation is about, as far as its name depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A giveaway.
    Giveaway,
    /// A withdrawal.
    Withdrawal,
    /// Neither of them.
    Nothing,
}

/// What people call it. One that is not known here keeps the ledger's own name, so that a posting that
/// is new is shown before anybody thinks of this place.
pub fn what(kind: &str, about: About) -> &str {
    match (kind, about) {
        ("top_up", _) => "top-up",
        ("hold_place", About::Giveaway) => "hold for giveaway",
        ("hold_place", About::Withdrawal) => "hold for withdrawal",
        ("hold_capture", About::Giveaway) => "capture for giveaway",
        ("hold_capture", About::Withdrawal) => "withdrawal",
        ("hold_release", About::Giveaway) => "release of giveaway",
        ("hold_release", About::Withdrawal) => "release of withdrawal",
        ("escrow_return", _) => "return of prize",
        ("card_void", _) => "value of a voided card",
        ("payment_assigned", _) => "payment assigned by the operator",
        ("charge_back", _) => "chargeback",
        ("debt_repaid", _) => "debt repaid",
        ("withdrawal_reversed", _) => "withdrawal came back",
        (kind, _) => kind,
    }
}

/// Where a page begins, and where the statement that it belongs to ends in each account. Two accounts
/// can be written in another order than their entries are numbered; the ends, which were fixed by the
/// first page, keep such an entry from falling between two pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The last entry of the page before.
    pub after: i64,
    /// The last entry of each account.
    pub until: [i64; 3],
}

/// What is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the `next` of the page before")]
pub struct NoCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [available, held, debt] = self.until;
        write!(f, "{}.{available}.{held}.{debt}", self.after)
    }
}

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let numbers: Result<Vec<i64>, _> = text.split('.').map(str::parse).collect();
        match numbers.map_err(|_| NoCursor)?.as_slice() {
            &[after, available, held, debt] => Ok(Self { after, until: [available, held, debt] }),
            _ => Err(NoCursor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        fn check(text: &str, expected: Result<Cursor, NoCursor>) {
            assert_eq!(text.parse::<Cursor>(), expected, "{text}");
        }
        let cursor = Cursor { after: 7, until: [9, 8, 0] };
        check(&cursor.to_string(), Ok(cursor));
        check("7", Err(NoCursor));
        check("7.9.8.0.1", Err(NoCursor));
        check("7.9.8.x", Err(NoCursor));
        check("", Err(NoCursor));
    }

    #[test]
    fn what_is_not_known_keeps_its_name() {
        fn check(kind: &str, about: About, expected: &str) {
            assert_eq!(what(kind, about), expected, "{kind}");
        }
        check("hold_capture", About::Giveaway, "capture for giveaway");
        check("hold_capture", About::Withdrawal, "withdrawal");
        check("hold_capture", About::Nothing, "hold_capture");
        check("something_new", About::Giveaway, "something_new");
    }
}
