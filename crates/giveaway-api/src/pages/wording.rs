//! Times, amounts and counts as people read them.

use jiff::{Timestamp, tz::TimeZone};

pub(super) use platform::pages::sentence;

/// A time for a person and for a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Time {
    /// For the attribute `datetime`.
    pub(super) iso: String,
    /// For the eye. In UTC, because without a script we do not know where the reader is.
    pub(super) text: String,
}

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        let utc = time.to_zoned(TimeZone::UTC);
        let form =
            if utc.second() == 0 { "%-d %B %Y, %H:%M UTC" } else { "%-d %B %Y, %H:%M:%S UTC" };
        Self {
            iso: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            text: utc.strftime(form).to_string(),
        }
    }
}

/// A length of time in its largest unit: `3 days`. Rounded down, since it is said of what is left.
pub(super) fn length(seconds: i64) -> String {
    const UNITS: [(i64, &str); 3] = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let unit = UNITS.iter().find(|(length, _)| seconds >= *length);
    unit.map_or_else(
        || "less than a minute".to_owned(),
        |(length, name)| {
            let n = seconds / length;
            format!("{n} {name}{}", if n == 1 { "" } else { "s" })
        },
    )
}

/// How long it is until then: `in 3 days`; nothing once it is past.
pub(super) fn until(now: Timestamp, then: Timestamp) -> Option<String> {
    let seconds = then.duration_since(now).as_secs();
    (seconds > 0).then(|| format!("in {}", length(seconds)))
}

/// An amount as prices are written: `€25`, `€12.50`, `1,000 JPY`.
pub(super) fn price(minor: u64, currency: &str) -> String {
    let exponent = currency.parse().map_or(2, |currency: ledger::Currency| currency.exponent());
    let unit = 10_u64.pow(exponent);
    let (whole, part, width) = (grouped(minor / unit), minor % unit, exponent as usize);
    let number = if part == 0 { whole } else { format!("{whole}.{part:0width$}") };
    match currency {
        "EUR" => format!("€{number}"),
        "GBP" => format!("£{number}"),
        "USD" => format!("${number}"),
        _ => format!("{number} {currency}"),
    }
}

/// A number with its thousands apart: `12,345`.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A text of several lines as its paragraphs: the lines between empty lines belong together.
pub(super) fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in text.lines().map(str::trim) {
        match paragraphs.last_mut() {
            Some(last) if !line.is_empty() => {
                if !last.is_empty() {
                    last.push('\n');
                }
                last.push_str(line);
            }
            _ => paragraphs.push(String::new()),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_prices_are() {
        let check = |minor, currency, expected| assert_eq!(price(minor, currency), expected);
        check(2_500, "EUR", "€25");
        check(1_250, "EUR", "€12.50");
        check(5, "GBP", "£0.05");
        check(123_456_700, "USD", "$1,234,567");
        check(1_000, "JPY", "1,000 JPY");
        check(2_500, "CHF", "25 CHF");
    }

    #[test]
    fn lengths_are_told_in_one_unit() {
        let check = |seconds, expected| assert_eq!(length(seconds), expected);
        check(59, "less than a minute");
        check(60, "1 minute");
        check(3_599, "59 minutes");
        check(7_200, "2 hours");
        check(86_400, "1 day");
        check(604_800, "7 days");
    }

    #[test]
    fn times_show_seconds_only_where_they_matter() {
        let check = |second, text: &str, iso: &str| {
            let time = Time::from(Timestamp::from_second(second).unwrap());
            assert_eq!((time.text.as_str(), time.iso.as_str()), (text, iso));
        };
        check(1_795_348_800, "22 November 2026, 12:00 UTC", "2026-11-22T12:00:00Z");
        check(1_795_348_805, "22 November 2026, 12:00:05 UTC", "2026-11-22T12:00:05Z");
        let now = Timestamp::from_second(1_795_348_800).unwrap();
        assert_eq!(until(now, now), None);
    }

    #[test]
    fn texts_keep_their_paragraphs() {
        assert_eq!(paragraphs(" One\ntwo \n\n\n three\r\n"), ["One\ntwo", "three"]);
        assert!(paragraphs(" \n ").is_empty());
    }
}
