//! Points in time, in whole seconds.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A point in time in whole seconds since 1970, written as RFC 3339 in UTC without a fraction:
/// `2026-11-22T12:00:00Z`. Beacons count in seconds, so the draw does too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment(u64);

/// The last second of the year 9999, beyond which RFC 3339 cannot write a date.
const LAST: u64 = 253_402_300_799;

/// Why a text or a number is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a time like 2026-11-22T12:00:00Z, between 1970 and 9999")]
pub struct MomentError;

impl Moment {
    /// The moment `seconds` after the start of 1970, unless that is beyond the year 9999.
    #[must_use]
    pub fn from_unix_seconds(seconds: u64) -> Option<Self> {
        (seconds <= LAST).then_some(Self(seconds))
    }

    /// Seconds since the start of 1970.
    #[must_use]
    pub fn unix_seconds(self) -> u64 {
        self.0
    }

    /// The moment `seconds` later, unless that is beyond the year 9999.
    #[must_use]
    pub fn checked_add(self, seconds: u64) -> Option<Self> {
        self.0.checked_add(seconds).and_then(Self::from_unix_seconds)
    }

    /// The same point in time for calculations with dates.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        i64::try_from(self.0)
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .expect("every moment between 1970 and 9999 is a timestamp")
    }
}

/// Rounds down to the second. Times before 1970 become its start: no clock of ours shows them.
impl From<Timestamp> for Moment {
    fn from(timestamp: Timestamp) -> Self {
        Self(u64::try_from(timestamp.as_second()).unwrap_or(0).min(LAST))
    }
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        let timestamp: Timestamp = text.parse().map_err(|_| MomentError)?;
        let moment = Self::from(timestamp);
        // The parser takes offsets, fractions and lowercase letters; only our own form is one.
        if moment.to_string() == text { Ok(moment) } else { Err(MomentError) }
    }
}

impl TryFrom<String> for Moment {
    type Error = MomentError;

    fn try_from(text: String) -> Result<Self, MomentError> {
        text.parse()
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_seconds_in_utc_are_read() {
        fn check(text: &str, expected: Option<u64>) {
            let read = text.parse::<Moment>().ok().map(Moment::unix_seconds);
            assert_eq!(read, expected, "{text}");
        }
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-11-22T12:00:00Z", Some(1_795_348_800));
        check("9999-12-30T22:00:00Z", Some(LAST - 26 * 3600 + 1));
        check("2026-11-22T12:00:00.5Z", None);
        check("2026-11-22T12:00:00.0Z", None);
        check("2026-11-22T12:00:00+00:00", None);
        check("2026-11-22T13:00:00+01:00", None);
        check("2026-11-22t12:00:00z", None);
        check("2026-11-22 12:00:00Z", None);
        check("1969-12-31T23:59:59Z", None);
        check("2026-11-22", None);
        check("", None);
    }

    #[test]
    fn fractions_are_rounded_down() {
        let timestamp: Timestamp = "2026-11-22T12:00:00.999999999Z".parse().unwrap();
        assert_eq!(Moment::from(timestamp).to_string(), "2026-11-22T12:00:00Z");
    }

    #[test]
    fn additions_stop_at_the_year_9999() {
        let last = Moment(LAST);
        assert_eq!(last.checked_add(0), Some(last));
        assert_eq!(last.checked_add(1), None);
        assert_eq!(last.checked_add(u64::MAX), None);
    }
}
