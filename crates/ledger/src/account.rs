//! Accounts: whose money, of which kind, and what its balance may do.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Currency, op_id::named_uuid};

/// Test money and live money never meet: every account belongs to one of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Money of a sandbox.
    Test,
    /// Real money.
    Live,
}

impl Mode {
    /// The mode's name, as stored and as shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "test" => Ok(Self::Test),
            "live" => Ok(Self::Live),
            _ => Err(UnknownMode { given: text.to_owned() }),
        }
    }
}

/// Why a text is not a mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("mode `{given}` is neither test nor live")]
pub struct UnknownMode {
    /// What was given.
    pub given: String,
}

/// What the balance of a kind of account may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum BalanceRule {
    /// The balance is cached and never less than zero.
    NonNegative,
    /// The balance is cached and may be negative.
    Signed,
    /// The balance is the sum of the entries: postings of many owners never wait for each other here.
    Clearing,
}

impl BalanceRule {
    /// Whether the account's row keeps the balance, which makes its postings serial.
    pub const fn is_cached(self) -> bool {
        !matches!(self, Self::Clearing)
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NonNegative => "non_negative",
            Self::Signed => "signed",
            Self::Clearing => "clearing",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::NonNegative, Self::Signed, Self::Clearing]
            .into_iter()
            .find(|rule| rule.as_str() == text)
    }
}

/// A kind of account, such as `available` or `provider_clearing`. A name has one rule for ever; a
/// posting that says otherwise is refused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKind {
    name: Cow<'static, str>,
    rule: BalanceRule,
}

impl AccountKind {
    /// A kind whose balance is cached and never less than zero: wallets, holds, cards.
    pub const fn non_negative(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), rule: BalanceRule::NonNegative }
    }

    /// A kind whose balance is cached and may be negative: what is owed to a merchant.
    pub const fn signed_cached(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), rule: BalanceRule::Signed }
    }

    /// A kind whose balance is the sum of its entries: money between two places.
    pub const fn clearing(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), rule: BalanceRule::Clearing }
    }

    /// The kind's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its balances may do.
    pub const fn rule(&self) -> BalanceRule {
        self.rule
    }

    /// A kind read back from the database.
    pub(crate) fn stored(name: String, rule: BalanceRule) -> Self {
        Self { name: Cow::Owned(name), rule }
    }
}

impl fmt::Debug for AccountKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.rule.as_str())
    }
}

/// One account: the money of one kind that belongs to one owner. It exists from its first posting on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Account {
    /// Test or live money.
    pub mode: Mode,
    /// What the money is for.
    pub kind: AccountKind,
    /// Whose it is: a host, a merchant, a card, the platform.
    pub owner: Uuid,
    /// The one currency it holds.
    pub currency: Currency,
}

impl Account {
    /// The account's id, which follows from its key: whoever knows an account needs no lookup.
    pub fn id(&self) -> Uuid {
        named_uuid(
            &ACCOUNT_NAMESPACE,
            &[
                self.mode.as_str().as_bytes(),
                self.kind.name().as_bytes(),
                self.owner.as_bytes(),
                self.currency.as_str().as_bytes(),
            ],
        )
    }
}

impl From<&Account> for Account {
    fn from(account: &Account) -> Self {
        account.clone()
    }
}

/// `live available account of 0198… in EUR`.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} account of {} in {}",
            self.mode,
            self.kind.name(),
            self.owner,
            self.currency
        )
    }
}

/// Account ids and operation ids share no namespace, so that no field list makes one from the other.
const ACCOUNT_NAMESPACE: Uuid = Uuid::from_u128(0x7a1f_3c52_90de_4b0b_8f0e_6c1d_24a9_5b31);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_depends_on_every_part_of_the_key_and_not_on_the_rule() {
        let account = Account {
            mode: Mode::Test,
            kind: AccountKind::non_negative("available"),
            owner: Uuid::from_u128(1),
            currency: "EUR".parse().unwrap(),
        };
        let others = [
            Account { mode: Mode::Live, ..account.clone() },
            Account { kind: AccountKind::non_negative("held"), ..account.clone() },
            Account { owner: Uuid::from_u128(2), ..account.clone() },
            Account { currency: "USD".parse().unwrap(), ..account.clone() },
        ];
        for other in &others {
            assert_ne!(other.id(), account.id(), "{other}");
        }
        let same = Account { kind: AccountKind::clearing("available"), ..account.clone() };
        assert_eq!(same.id(), account.id());
    }

    #[test]
    fn modes_and_rules_are_read_back() {
        for mode in [Mode::Test, Mode::Live] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert!("Live".parse::<Mode>().is_err());
        for rule in [BalanceRule::NonNegative, BalanceRule::Signed, BalanceRule::Clearing] {
            assert_eq!(BalanceRule::parse(rule.as_str()), Some(rule));
        }
    }
}
