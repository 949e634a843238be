//! A posting: one operation and its signed entries, which sum to zero. Pure; nothing here is async.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::{Account, Currency, Mode, Money};

/// Legs of one posting at most. The rows of its accounts stay locked while it is written, so a bulk
/// change of more than this is several operations.
pub const MAX_LEGS: usize = 10_000;

/// One entry to be made: credit positive, debit negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Where the entry goes.
    pub account: Account,
    /// How much; negative takes from the account.
    pub amount: Money,
    /// What the entry is about, such as an escrow, by which legs of different services are paired.
    pub reference: Option<Uuid>,
}

impl Leg {
    /// An entry.
    pub fn new(account: impl Into<Account>, amount: Money) -> Self {
        Self { account: account.into(), amount, reference: None }
    }

    /// An entry about something.
    pub fn about(account: impl Into<Account>, amount: Money, reference: Uuid) -> Self {
        Self { account: account.into(), amount, reference: Some(reference) }
    }
}

/// One operation with its legs, in the order in which they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Makes the operation recognisable when it is repeated: see [`crate::op_id()`].
    pub op_id: Uuid,
    /// What happened, such as `top_up`.
    pub kind: &'static str,
    /// The entries to be made.
    pub legs: Vec<Leg>,
}

/// Why a posting cannot be made, whatever the balances are: the caller's mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostingError {
    /// There are no legs.
    #[error("legs: a posting needs at least two")]
    TooFewLegs,
    /// There are more than [`MAX_LEGS`] legs.
    #[error("legs: {legs} are more than {MAX_LEGS}")]
    TooManyLegs {
        /// How many there are.
        legs: usize,
    },
    /// A leg moves nothing.
    #[error("amount: the leg of the {account} moves nothing")]
    ZeroLeg {
        /// The leg's account.
        account: Account,
    },
    /// A leg's amount is of another currency than its account.
    #[error("amount: {amount} does not go into the {account}")]
    CurrencyMismatch {
        /// The leg's account.
        account: Account,
        /// The leg's amount.
        amount: Money,
    },
    /// Test and live money in one posting.
    #[error("accounts: test and live money in one posting")]
    MixedModes,
    /// Two legs disagree on the rule of an account.
    #[error("accounts: the {account} has two balance rules in one posting")]
    MixedRules {
        /// The account.
        account: Account,
    },
    /// The legs do not sum to zero.
    #[error("legs: they sum to {sum} and not to zero")]
    Unbalanced {
        /// What they sum to.
        sum: Money,
    },
    /// The legs of a currency or an account have no sum in 64 bits.
    #[error("legs: their sum in {currency} is too large")]
    Overflow {
        /// The currency.
        currency: Currency,
    },
}

impl Posting {
    /// An operation without legs yet.
    pub const fn new(op_id: Uuid, kind: &'static str) -> Self {
        Self { op_id, kind, legs: Vec::new() }
    }

    /// Adds an entry: credit positive, debit negative.
    #[must_use]
    pub fn leg(self, account: impl Into<Account>, amount: Money) -> Self {
        self.with([Leg::new(account, amount)])
    }

    /// Adds an entry about something, such as an escrow.
    #[must_use]
    pub fn leg_for(self, account: impl Into<Account>, amount: Money, reference: Uuid) -> Self {
        self.with([Leg::about(account, amount, reference)])
    }

    /// Adds entries.
    #[must_use]
    pub fn with(mut self, legs: impl IntoIterator<Item = Leg>) -> Self {
        self.legs.extend(legs);
        self
    }

    /// Checks all that does not depend on balances and gives what each account gains or loses, in the
    /// order of the accounts' ids: the order in which every posting locks them.
    pub(crate) fn changes(&self) -> Result<Vec<Change<'_>>, PostingError> {
        if self.legs.len() < 2 {
            return Err(PostingError::TooFewLegs);
        }
        if self.legs.len() > MAX_LEGS {
            return Err(PostingError::TooManyLegs { legs: self.legs.len() });
        }
        let mut modes: Option<Mode> = None;
        let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
        let mut changes: BTreeMap<Uuid, Change<'_>> = BTreeMap::new();
        for Leg { account, amount, .. } in &self.legs {
            if amount.is_zero() {
                return Err(PostingError::ZeroLeg { account: account.clone() });
            }
            let currency = account.currency;
            if amount.currency != currency {
                let account = account.clone();
                return Err(PostingError::CurrencyMismatch { account, amount: *amount });
            }
            if *modes.get_or_insert(account.mode) != account.mode {
                return Err(PostingError::MixedModes);
            }
            let overflow = PostingError::Overflow { currency };
            let sum = sums.entry(currency).or_default();
            *sum = sum.checked_add(amount.minor).ok_or(overflow.clone())?;
            let id = account.id();
            let change = changes.entry(id).or_insert(Change { id, account, delta: 0 });
            if change.account.kind != account.kind {
                return Err(PostingError::MixedRules { account: account.clone() });
            }
            change.delta = change.delta.checked_add(amount.minor).ok_or(overflow)?;
        }
        match sums.into_iter().find(|(_, sum)| *sum != 0) {
            Some((currency, sum)) => {
                Err(PostingError::Unbalanced { sum: Money::new(sum, currency) })
            }
            None => Ok(changes.into_values().collect()),
        }
    }
}

/// What one account gains or loses by a posting, over all of its legs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change<'a> {
    pub(crate) id: Uuid,
    pub(crate) account: &'a Account,
    pub(crate) delta: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AccountKind;

    fn account(kind: AccountKind, owner: u128, currency: &str) -> Account {
        let owner = Uuid::from_u128(owner);
        Account { mode: Mode::Test, kind, owner, currency: currency.parse().unwrap() }
    }

    fn money(minor: i64, currency: &str) -> Money {
        Money::new(minor, currency.parse().unwrap())
    }

    fn posting() -> Posting {
        Posting::new(Uuid::from_u128(9), "test")
    }

    const CASH: AccountKind = AccountKind::clearing("cash");
    const AVAILABLE: AccountKind = AccountKind::non_negative("available");

    #[test]
    fn legs_of_an_account_are_netted_and_accounts_sorted() {
        let (cash, wallet) = (account(CASH, 0, "EUR"), account(AVAILABLE, 1, "EUR"));
        let posting = posting()
            .leg(&cash, money(-300, "EUR"))
            .leg(&wallet, money(100, "EUR"))
            .leg_for(&wallet, money(200, "EUR"), Uuid::from_u128(5));
        let changes = posting.changes().unwrap();
        let mut expected = vec![
            Change { id: cash.id(), account: &cash, delta: -300 },
            Change { id: wallet.id(), account: &wallet, delta: 300 },
        ];
        expected.sort_by_key(|change| change.id);
        assert_eq!(changes, expected);
    }

    #[test]
    fn what_is_not_double_entry_is_refused() {
        let check = |posting: Posting, message: &str| {
            let error = posting.changes().unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        };
        let (cash, wallet) = (account(CASH, 0, "EUR"), account(AVAILABLE, 1, "EUR"));
        let (eur, usd) = (|minor| money(minor, "EUR"), |minor| money(minor, "USD"));
        check(posting(), "at least two");
        check(posting().leg(&cash, eur(1)), "at least two");
        check(posting().leg(&cash, eur(-5)).leg(&wallet, eur(4)), "sum to -0.01 EUR");
        check(posting().leg(&cash, eur(0)).leg(&wallet, eur(0)), "moves nothing");
        check(posting().leg(&cash, usd(-5)).leg(&wallet, eur(5)), "-0.05 USD does not go into");
        let dollars = account(AVAILABLE, 1, "USD");
        check(posting().leg(&cash, eur(-5)).leg(&dollars, usd(5)), "and not to zero");
        let live = Account { mode: Mode::Live, ..wallet.clone() };
        check(posting().leg(&cash, eur(-5)).leg(&live, eur(5)), "test and live");
        let odd = Account { kind: AccountKind::clearing("available"), ..wallet.clone() };
        check(posting().leg(&odd, eur(-5)).leg(&wallet, eur(5)), "two balance rules");
        let much = posting().leg(&cash, eur(i64::MAX)).leg(&cash, eur(i64::MAX));
        check(much.leg(&wallet, eur(2)), "too large");
        let legs = vec![Leg::new(&cash, eur(1)); MAX_LEGS + 1];
        check(posting().with(legs), "more than 10000");
    }
}
