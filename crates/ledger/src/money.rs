//! Amounts of money: whole minor units of one currency, never a float, never mixed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Currency;

/// An amount in minor units (cents for EUR) of one currency. In JSON: `{"minor":2500,"currency":"EUR"}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units; negative for a debit.
    pub minor: i64,
    /// What the units are of.
    pub currency: Currency,
}

/// Why two amounts have no sum, or one has no multiple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The amounts are of different currencies.
    #[error("currency {right} does not go with {left}")]
    CurrencyMismatch {
        /// The currency of the first amount.
        left: Currency,
        /// The currency of the second one.
        right: Currency,
    },
    /// The result has no place in 64 bits.
    #[error("the amount is too large")]
    Overflow,
}

impl Money {
    /// An amount of `minor` units.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// Whether this is nothing.
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// Whether this is more than nothing.
    pub const fn is_positive(self) -> bool {
        self.minor > 0
    }

    /// Whether this is less than nothing.
    pub const fn is_negative(self) -> bool {
        self.minor < 0
    }

    /// The sum.
    ///
    /// # Errors
    /// When the currencies differ or the sum does not fit.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.with(self.minor.checked_add(other.minor))
    }

    /// The difference.
    ///
    /// # Errors
    /// When the currencies differ or the difference does not fit.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.with(self.minor.checked_sub(other.minor))
    }

    /// The same amount in the other direction.
    ///
    /// # Errors
    /// For the one number without a counterpart, `i64::MIN`.
    pub fn checked_neg(self) -> Result<Self, MoneyError> {
        self.with(self.minor.checked_neg())
    }

    /// The amount `times` times over.
    ///
    /// # Errors
    /// When the product does not fit.
    pub fn checked_mul(self, times: i64) -> Result<Self, MoneyError> {
        self.with(self.minor.checked_mul(times))
    }

    /// The sum of all amounts, which are of `currency`.
    ///
    /// # Errors
    /// When a currency differs or the sum does not fit.
    pub fn sum(
        currency: Currency,
        amounts: impl IntoIterator<Item = Self>,
    ) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::checked_add)
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency })
        }
    }

    fn with(self, minor: Option<i64>) -> Result<Self, MoneyError> {
        minor.map(|minor| Self { minor, ..self }).ok_or(MoneyError::Overflow)
    }
}

/// `25.00 EUR`, `-0.05 EUR`, `500 JPY`, `1.250 KWD`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let exponent = self.currency.exponent();
        let unit = 10_u64.pow(exponent);
        let minor = self.minor.unsigned_abs();
        match exponent {
            0 => write!(f, "{sign}{minor} {}", self.currency),
            _ => {
                let (whole, part, width) = (minor / unit, minor % unit, exponent as usize);
                write!(f, "{sign}{whole}.{part:0width$} {}", self.currency)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn eur(minor: i64) -> Money {
        Money::new(minor, "EUR".parse().unwrap())
    }

    #[test]
    fn amounts_are_shown_with_their_currencys_decimals() {
        let check = |minor, currency: &str, shown: &str| {
            let money = Money::new(minor, currency.parse().unwrap());
            assert_eq!(money.to_string(), shown);
        };
        check(2_500, "EUR", "25.00 EUR");
        check(-5, "EUR", "-0.05 EUR");
        check(0, "EUR", "0.00 EUR");
        check(500, "JPY", "500 JPY");
        check(-1_250, "KWD", "-1.250 KWD");
        check(i64::MIN, "USD", "-92233720368547758.08 USD");
    }

    #[test]
    fn json_names_units_and_currency() {
        let json = serde_json::to_string(&eur(2_500)).unwrap();
        assert_eq!(json, r#"{"minor":2500,"currency":"EUR"}"#);
        assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), eur(2_500));
        for bad in [
            r#"{"minor":25.5,"currency":"EUR"}"#,
            r#"{"minor":"2500","currency":"EUR"}"#,
            r#"{"minor":2500,"currency":"eur"}"#,
            r#"{"minor":2500}"#,
            r#"{"minor":2500,"currency":"EUR","scale":2}"#,
        ] {
            assert!(serde_json::from_str::<Money>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn currencies_do_not_mix() {
        let usd = Money::new(1, "USD".parse().unwrap());
        let mismatch = MoneyError::CurrencyMismatch { left: eur(1).currency, right: usd.currency };
        assert_eq!(eur(1).checked_add(usd), Err(mismatch));
        assert_eq!(eur(1).checked_sub(usd), Err(mismatch));
        assert_eq!(Money::sum(eur(0).currency, [eur(1), usd]), Err(mismatch));
        assert_eq!(mismatch.to_string(), "currency USD does not go with EUR");
    }

    proptest! {
        #[test]
        fn arithmetic_is_exact_or_refused(a: i64, b: i64) {
            let exact = |wide: i128| i64::try_from(wide).map(eur).map_err(|_| MoneyError::Overflow);
            prop_assert_eq!(eur(a).checked_add(eur(b)), exact(i128::from(a) + i128::from(b)));
            prop_assert_eq!(eur(a).checked_sub(eur(b)), exact(i128::from(a) - i128::from(b)));
            prop_assert_eq!(eur(a).checked_mul(b), exact(i128::from(a) * i128::from(b)));
            prop_assert_eq!(eur(a).checked_neg(), exact(-i128::from(a)));
        }

        #[test]
        fn what_is_shown_is_the_amount(minor: i64, code in prop::sample::select(vec!["EUR", "JPY", "KWD"])) {
            let money = Money::new(minor, code.parse().unwrap());
            let shown = money.to_string();
            let digits: String = shown.chars().filter(|c| c.is_ascii_digit() || *c == '-').collect();
            prop_assert_eq!(digits.parse::<i64>().unwrap(), minor);
            prop_assert_eq!(serde_json::from_str::<Money>(&serde_json::to_string(&money).unwrap()).unwrap(), money);
        }
    }
}
