//! Attempt limits, wherever guessing could pay.

use std::{hash::Hash, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    state::keyed::DashMapStateStore,
};

/// At most this many keys are remembered before idle ones are forgotten.
const REMEMBERED: usize = 10_000;

/// Counts attempts per key (a merchant, an address, everyone) and refuses past the quota.
pub struct AttemptLimit<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DashMapStateStore<K>, DefaultClock>,
}

impl<K: Hash + Eq + Clone> AttemptLimit<K> {
    /// `burst` attempts at once, refilled evenly over `per`.
    pub fn new(burst: NonZeroU32, per: Duration) -> Self {
        let quota = Quota::with_period(per / burst.get())
            .unwrap_or_else(|| Quota::per_second(burst))
            .allow_burst(burst);
        Self { limiter: RateLimiter::keyed(quota) }
    }

    /// Counts one attempt.
    ///
    /// # Errors
    /// How long to wait when the quota is used up.
    pub fn attempt(&self, key: &K) -> Result<(), Duration> {
        if self.limiter.len() > REMEMBERED {
            self.limiter.retain_recent();
        }
        self.limiter
            .check_key(key)
            .map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quota_is_per_key() {
        let limit = AttemptLimit::new(NonZeroU32::new(2).unwrap(), Duration::from_secs(3600));
        assert!(limit.attempt(&"a").is_ok());
        assert!(limit.attempt(&"a").is_ok());
        let wait = limit.attempt(&"a").unwrap_err();
        assert!(wait > Duration::from_secs(60), "{wait:?}");
        assert!(limit.attempt(&"b").is_ok());
    }
}
