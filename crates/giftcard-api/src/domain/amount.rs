//! Which amounts may be moved, and how a person types one.

use ledger::{Currency, Money};

use super::refusal::Refusal;

/// The largest amount of one card or redemption, in minor units: far above any gift card, far below
/// what the sum of a settlement could overflow with.
pub(crate) const MAX_MINOR: i64 = 100_000_000_000;

/// An amount that moves money: more than nothing, and not absurd.
pub(crate) fn positive(amount: Money) -> Result<Money, Refusal> {
    if amount.minor <= 0 {
        return Err(Refusal::invalid("/amount/minor", "must be more than 0"));
    }
    if amount.minor > MAX_MINOR {
        return Err(Refusal::invalid("/amount/minor", format!("must be at most {MAX_MINOR}")));
    }
    Ok(amount)
}

/// An amount as typed at a till, `12.50` or `12,5`, in a currency that is already known.
///
/// # Errors
/// When it is no number, or has more decimals than the currency.
pub(crate) fn parse_decimal(text: &str, currency: Currency) -> Result<Money, Refusal> {
    let bad = |why: String| Refusal::invalid("/amount", why);
    let text = text.trim().replace(',', ".");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let exponent = currency.exponent() as usize;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && part.is_empty()) || !digits(whole) || !digits(part) {
        return Err(bad("must be an amount such as 12.50".to_owned()));
    }
    if part.len() > exponent {
        return Err(bad(format!("{currency} has {exponent} decimals")));
    }
    let minor: i64 = format!("{whole}{part:0<exponent$}")
        .parse()
        .map_err(|_| bad(format!("must be at most {MAX_MINOR} minor units")))?;
    positive(Money::new(minor, currency))
}

/// An amount as it is typed into a form field: `12.50`.
pub(crate) fn decimal(amount: Money) -> String {
    let shown = amount.to_string();
    shown.split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn typed_amounts_are_read_as_people_mean_them() {
        let check = |text, code, minor: Option<i64>| {
            let read = parse_decimal(text, currency(code)).ok().map(|money| money.minor);
            assert_eq!(read, minor, "{text:?} in {code}");
        };
        check("12.50", "EUR", Some(1_250));
        check(" 12,5 ", "EUR", Some(1_250));
        check("12", "EUR", Some(1_200));
        check(".05", "EUR", Some(5));
        check("12.", "EUR", Some(1_200));
        check("500", "JPY", Some(500));
        check("1.250", "KWD", Some(1_250));
        check("12.505", "EUR", None);
        check("1.5", "JPY", None);
        for bad in ["", ".", "-1", "+1", "1e3", "1 000", "1.000,00", "0", "0.00", "٣"] {
            check(bad, "EUR", None);
        }
        check("99999999999999999999", "EUR", None);
        check("1000000000.01", "EUR", None);
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_typed(minor in 1..MAX_MINOR, code in prop::sample::select(vec!["EUR", "JPY", "KWD"])) {
            let money = Money::new(minor, currency(code));
            prop_assert_eq!(parse_decimal(&decimal(money), money.currency).unwrap(), money);
        }
    }
}
