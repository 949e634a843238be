//! Amounts as people write them: `25`, `25.50`, `25,50`. Read digit by digit; nothing is rounded.

use ledger::{Currency, Money};

/// Why a text is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAmount {
    /// There is nothing.
    #[error("type an amount, such as {0}")]
    Empty(&'static str),
    /// Something that is no digit, or too many points.
    #[error("must be a number such as {0}, without signs and without separators between thousands")]
    NoNumber(&'static str),
    /// More decimals than the currency has. `1,000` is refused with this too: it may be one or a thousand.
    #[error("{currency} has {decimals}; write thousands without a separator")]
    TooPrecise {
        /// The currency.
        currency: Currency,
        /// How many decimals it has, in words.
        decimals: &'static str,
    },
    /// More than we count to.
    #[error("is too large")]
    TooLarge,
}

/// Reads an amount of a currency.
///
/// # Errors
/// [`NoAmount`].
pub fn amount(text: &str, currency: Currency) -> Result<Money, NoAmount> {
    let exponent = currency.exponent();
    let (example, decimals) = match exponent {
        0 => ("25", "no decimals"),
        2 => ("25 or 25.50", "two decimals"),
        _ => ("25 or 25.500", "three decimals"),
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(NoAmount::Empty(example));
    }
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(part) {
        return Err(NoAmount::NoNumber(example));
    }
    let width = exponent as usize;
    if part.len() > width || (text.len() > whole.len() && part.is_empty()) {
        return Err(NoAmount::TooPrecise { currency, decimals });
    }
    let digits = format!("{whole}{part:0<width$}");
    let minor = digits.parse().map_err(|_| NoAmount::TooLarge)?;
    Ok(Money::new(minor, currency))
}

/// An amount as it is written into a field: `25.50`.
pub fn written(amount: Money) -> String {
    let text = amount.to_string();
    text.split_once(' ').map_or(text.clone(), |(number, _)| number.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_as_they_are_written_and_never_guessed() {
        let check = |text: &str, currency: &str, expected: Option<i64>| {
            let read = amount(text, currency.parse().unwrap());
            assert_eq!(read.clone().ok().map(|money| money.minor), expected, "{text}: {read:?}");
        };
        check("25", "EUR", Some(2_500));
        check(" 25.50 ", "EUR", Some(2_550));
        check("25,50", "EUR", Some(2_550));
        check("25,5", "EUR", Some(2_550));
        check("0.07", "EUR", Some(7));
        check("1,000", "EUR", None);
        check("1.000,00", "EUR", None);
        check("25.", "EUR", None);
        check(".5", "EUR", None);
        check("-5", "EUR", None);
        check("+5", "EUR", None);
        check("2e3", "EUR", None);
        check("٢٥", "EUR", None);
        check("", "EUR", None);
        check("25", "JPY", Some(25));
        check("25.0", "JPY", None);
        check("1.250", "KWD", Some(1_250));
        check("92233720368547758.07", "EUR", Some(i64::MAX));
        check("92233720368547758.08", "EUR", None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(minor in 0..=i64::MAX, code in prop::sample::select(vec!["EUR", "JPY", "KWD"])) {
            let money = Money::new(minor, code.parse().unwrap());
            prop_assert_eq!(amount(&written(money), money.currency), Ok(money));
        }
    }
}
