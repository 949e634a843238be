//! How often something may be tried, wherever guessing or flooding could pay.

use std::{fmt::Debug, num::NonZeroU32, time::Duration};

use async_trait::async_trait;

/// So many attempts at once, refilled evenly over a time: the generic cell rate algorithm (ITU-T I.371), which
/// needs one number for each key, the time at which all attempts will be refilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// What is limited: attempts under other names count apart.
    pub name: &'static str,
    burst: NonZeroU32,
    interval_us: i64,
}

impl Quota {
    /// `burst` attempts at once, and as many more in each `per`.
    ///
    /// # Panics
    /// When `per` is so short that attempts would be less than a microsecond apart.
    pub const fn new(name: &'static str, burst: NonZeroU32, per: Duration) -> Self {
        let interval_us = per.as_micros() / burst.get() as u128;
        assert!(interval_us > 0, "a quota that nobody can use up");
        assert!(interval_us < 1 << 40, "a quota over more than days");
        #[expect(clippy::cast_possible_truncation, reason = "checked above")]
        Self { name, burst, interval_us: interval_us as i64 }
    }

    /// How many attempts may be made at once.
    pub const fn burst(&self) -> u32 {
        self.burst.get()
    }

    /// Within how long all attempts are refilled.
    pub const fn per(&self) -> Duration {
        Duration::from_micros(self.full_us().unsigned_abs())
    }

    /// What is left when all attempts will be refilled in so many microseconds.
    pub(super) fn left(&self, refilled_in_us: i64) -> Left {
        let free_us = (self.full_us() - refilled_in_us).max(0);
        Left {
            attempts: u32::try_from(free_us / self.interval_us).unwrap_or(u32::MAX),
            refilled_in: Duration::from_micros(refilled_in_us.max(0).unsigned_abs()),
        }
    }

    /// A refusal.
    pub(super) const fn used_up(&self, wait: Duration) -> UsedUp {
        UsedUp { quota: *self, wait }
    }

    /// Microseconds from one refilled attempt to the next.
    pub(super) const fn interval_us(&self) -> i64 {
        self.interval_us
    }

    /// Microseconds until all attempts are refilled.
    pub(super) const fn full_us(&self) -> i64 {
        self.interval_us * self.burst.get() as i64
    }

    /// When all attempts will be refilled if one is made now, or how long until one may be made.
    pub(super) fn decide(&self, refilled_us: Option<i64>, now_us: i64) -> Result<i64, Duration> {
        // A clock that was set back must not keep anybody out for longer than the quota could.
        let refilled = refilled_us.map_or(now_us, |at| at.clamp(now_us, now_us + self.full_us()));
        let refilled = refilled + self.interval_us;
        match u64::try_from(refilled - self.full_us() - now_us) {
            Err(_) | Ok(0) => Ok(refilled),
            Ok(wait_us) => Err(Duration::from_micros(wait_us)),
        }
    }
}

/// What is left of a quota after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Attempts that may be made at once.
    pub attempts: u32,
    /// Until when all are refilled, if none is made.
    pub refilled_in: Duration,
}

/// A quota that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedUp {
    /// Which one.
    pub quota: Quota,
    /// How long until one attempt may be made.
    pub wait: Duration,
}

/// Counts attempts of keys, such as a merchant or a network. Where they cannot be counted together, each
/// process counts its own: neither is anybody shut out then, nor does guessing become free.
#[async_trait]
pub trait Limits: Debug + Send + Sync {
    /// Counts an attempt. Atomic: of attempts at the same time no more pass than the quota has room for. One
    /// that is refused is not counted.
    ///
    /// # Errors
    /// How long to wait.
    async fn attempt(&self, quota: &Quota, key: &str) -> Result<Left, UsedUp>;

    /// Whether an attempt would pass now; counts nothing.
    ///
    /// # Errors
    /// How long to wait.
    async fn look(&self, quota: &Quota, key: &str) -> Result<(), UsedUp>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_A_MINUTE: Quota =
        Quota::new("test", NonZeroU32::new(2).unwrap(), Duration::from_secs(60));

    #[test]
    fn what_is_left_is_whole_attempts() {
        fn check(refilled_in_s: i64, attempts: u32) {
            let left = TWO_A_MINUTE.left(refilled_in_s * 1_000_000);
            assert_eq!(left.attempts, attempts, "{refilled_in_s}");
        }
        check(0, 2);
        check(1, 1);
        check(30, 1);
        check(31, 0);
        check(60, 0);
        check(90, 0);
        assert_eq!(TWO_A_MINUTE.per(), Duration::from_secs(60));
    }

    #[test]
    fn a_quota_refills_evenly() {
        fn check(refilled_s: Option<i64>, now_s: i64, expected: Result<i64, u64>) {
            let decided =
                TWO_A_MINUTE.decide(refilled_s.map(|at| at * 1_000_000), now_s * 1_000_000);
            let decided = decided.map(|at| at / 1_000_000).map_err(|wait| wait.as_secs());
            assert_eq!(decided, expected, "{refilled_s:?} at {now_s}");
        }
        check(None, 1_000, Ok(1_030));
        check(Some(1_030), 1_000, Ok(1_060));
        check(Some(1_060), 1_000, Err(30));
        check(Some(1_060), 1_029, Err(1));
        check(Some(1_060), 1_030, Ok(1_090));
        check(Some(1_060), 5_000, Ok(5_030));
        check(Some(9_000), 1_000, Err(30));
    }
}
