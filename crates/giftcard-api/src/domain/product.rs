//! What may be sold as a prize.

use ledger::{Currency, Money};

use super::{amount::MAX_MINOR, refusal::Refusal};

/// A card is valid for at least five years, leap days included, or for ever.
pub(crate) const MIN_VALIDITY_DAYS: i32 = 1_826;

/// Longest validity: a century, so that times stay in range.
const MAX_VALIDITY_DAYS: i32 = 36_525;

/// Longest name of a merchant or a product.
pub(crate) const MAX_NAME_CHARS: usize = 120;

machine! {
    /// Whether new prizes may be made of a product.
    ProductState {
        /// It may be chosen.
        Active = "active",
        /// It may not be chosen any more; what was reserved before stays.
        Closed = "closed",
    }
    begins { Active }
    goes { Active => Closed }
}

/// The terms of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The one currency of its cards.
    pub(crate) currency: Currency,
    /// The smallest value of a card, in minor units.
    pub(crate) min_minor: i64,
    /// The largest value of a card, in minor units.
    pub(crate) max_minor: i64,
    /// Days until a card expires; none for never.
    pub(crate) validity_days: Option<i32>,
}

impl Terms {
    /// Checks terms that a merchant proposes.
    ///
    /// # Errors
    /// Names the first field that is wrong.
    pub(crate) fn check(self) -> Result<Self, Refusal> {
        if self.min_minor <= 0 {
            return Err(Refusal::invalid("/min_minor", "must be more than 0"));
        }
        if self.max_minor < self.min_minor {
            return Err(Refusal::invalid("/max_minor", "must be at least min_minor"));
        }
        if self.max_minor > MAX_MINOR {
            return Err(Refusal::invalid("/max_minor", format!("must be at most {MAX_MINOR}")));
        }
        match self.validity_days {
            Some(days) if !(MIN_VALIDITY_DAYS..=MAX_VALIDITY_DAYS).contains(&days) => {
                Err(Refusal::invalid(
                    "/validity_days",
                    format!(
                        "must be from {MIN_VALIDITY_DAYS} (five years) to {MAX_VALIDITY_DAYS}, or absent"
                    ),
                ))
            }
            _ => Ok(self),
        }
    }

    /// Whether a card of this value may be made.
    ///
    /// # Errors
    /// When currency or value do not fit.
    pub(crate) fn admit(self, value: Money) -> Result<(), Refusal> {
        if value.currency != self.currency {
            return Err(Refusal::CurrencyMismatch {
                expected: self.currency,
                given: value.currency,
            });
        }
        if value.minor < self.min_minor || value.minor > self.max_minor {
            return Err(Refusal::ValueOutOfRange {
                min: Money::new(self.min_minor, self.currency),
                max: Money::new(self.max_minor, self.currency),
            });
        }
        Ok(())
    }
}

/// A name that people read: trimmed, not empty, not endless, on one line.
///
/// # Errors
/// Names the field.
pub(crate) fn name(pointer: &'static str, text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let count = text.chars().count();
    if count == 0 || count > MAX_NAME_CHARS || text.chars().any(char::is_control) {
        return Err(Refusal::invalid(
            pointer,
            format!("must have 1 to {MAX_NAME_CHARS} characters on one line"),
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(min: i64, max: i64, days: Option<i32>) -> Terms {
        Terms {
            currency: "EUR".parse().unwrap(),
            min_minor: min,
            max_minor: max,
            validity_days: days,
        }
    }

    #[test]
    fn terms_are_checked() {
        let check = |terms: Terms, pointer: &str| match terms.check() {
            Ok(_) => assert_eq!(pointer, "", "{terms:?}"),
            Err(Refusal::Invalid { pointer: got, .. }) => assert_eq!(got, pointer, "{terms:?}"),
            Err(other) => panic!("{other:?}"),
        };
        check(terms(1, 1, None), "");
        check(terms(100, 5_000, Some(1_826)), "");
        check(terms(0, 1, None), "/min_minor");
        check(terms(2, 1, None), "/max_minor");
        check(terms(1, i64::MAX, None), "/max_minor");
        check(terms(1, 1, Some(1_825)), "/validity_days");
        check(terms(1, 1, Some(i32::MAX)), "/validity_days");
    }

    #[test]
    fn values_must_fit_the_terms() {
        let terms = terms(100, 500, None);
        let eur = |minor| Money::new(minor, terms.currency);
        assert!(terms.admit(eur(100)).is_ok() && terms.admit(eur(500)).is_ok());
        assert_eq!(terms.admit(eur(99)).unwrap_err().code(), "value_out_of_range");
        assert_eq!(terms.admit(eur(501)).unwrap_err().code(), "value_out_of_range");
        let usd = Money::new(200, "USD".parse().unwrap());
        assert_eq!(terms.admit(usd).unwrap_err().code(), "currency_mismatch");
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(name("/name", " Café ").unwrap(), "Café");
        for bad in ["", "  ", "a\nb", &"x".repeat(121)] {
            assert!(name("/name", bad).is_err(), "{bad:?}");
        }
    }
}
