//! Attempts, counted in this process.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::time::Instant;

use super::super::{Left, Limits, Quota, UsedUp};

/// More keys than this are not kept in mind without forgetting those whose attempts are all refilled.
const REMEMBERED: usize = 10_000;

/// [`Limits`] in this process's memory.
#[derive(Debug)]
pub struct EmbeddedLimits {
    began: Instant,
    counted: Mutex<Counted>,
}

#[derive(Debug)]
struct Counted {
    /// When all attempts of a key will be refilled, in microseconds since the beginning.
    refilled_us: HashMap<(&'static str, String), i64>,
    /// Forgetting looks at all of them, so that it has to be worth it.
    forget_at: usize,
}

impl Default for EmbeddedLimits {
    fn default() -> Self {
        let counted = Counted { refilled_us: HashMap::new(), forget_at: REMEMBERED };
        Self { began: Instant::now(), counted: Mutex::new(counted) }
    }
}

impl EmbeddedLimits {
    /// Counts an attempt at once.
    ///
    /// # Errors
    /// How long to wait.
    pub(in super::super) fn count(&self, quota: &Quota, key: &str) -> Result<Left, UsedUp> {
        let now_us = self.now_us();
        let mut counted = self.lock();
        if counted.refilled_us.len() >= counted.forget_at {
            counted.refilled_us.retain(|_, at| *at > now_us);
            counted.forget_at = (2 * counted.refilled_us.len()).max(REMEMBERED);
        }
        let entry = (quota.name, key.to_owned());
        let known = counted.refilled_us.get(&entry).copied();
        let refilled = quota.decide(known, now_us).map_err(|wait| quota.used_up(wait))?;
        counted.refilled_us.insert(entry, refilled);
        Ok(quota.left(refilled - now_us))
    }

    /// Whether an attempt would pass.
    ///
    /// # Errors
    /// How long to wait.
    pub(in super::super) fn passes(&self, quota: &Quota, key: &str) -> Result<(), UsedUp> {
        let known = self.lock().refilled_us.get(&(quota.name, key.to_owned())).copied();
        let decided = quota.decide(known, self.now_us());
        decided.map(drop).map_err(|wait| quota.used_up(wait))
    }

    fn now_us(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Limits for EmbeddedLimits {
    async fn attempt(&self, quota: &Quota, key: &str) -> Result<Left, UsedUp> {
        self.count(quota, key)
    }

    async fn look(&self, quota: &Quota, key: &str) -> Result<(), UsedUp> {
        self.passes(quota, key)
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_refilled_is_forgotten() {
        const QUOTA: Quota = Quota::new("test", NonZeroU32::MIN, Duration::from_secs(60));
        let limits = EmbeddedLimits::default();
        for n in 0..REMEMBERED {
            limits.count(&QUOTA, &n.to_string()).unwrap();
        }
        tokio::time::advance(Duration::from_secs(30)).await;
        limits.count(&QUOTA, "recent").unwrap();
        assert_eq!(limits.lock().refilled_us.len(), REMEMBERED + 1, "none is refilled yet");
        tokio::time::advance(Duration::from_secs(40)).await;
        for n in 0..REMEMBERED {
            limits.count(&QUOTA, &n.to_string()).unwrap();
        }
        assert!(limits.lock().refilled_us.len() <= REMEMBERED + 1);
        assert!(limits.count(&QUOTA, "recent").is_err(), "it is not refilled");
    }
}
