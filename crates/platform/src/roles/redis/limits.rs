//! Attempts, counted by Redis.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use async_trait::async_trait;
use redis::Script;
use sha2::{Digest as _, Sha256};

use super::{
    super::{Left, Limits, Quota, UsedUp, embedded::EmbeddedLimits},
    Link,
};

/// KEYS: the key. ARGV: microseconds from one attempt to the next, and until all are refilled; whether to
/// count. Answers how many microseconds to wait, and until all will be refilled. As `Quota::decide`.
static ATTEMPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local interval, full = tonumber(ARGV[1]), tonumber(ARGV[2])
         local time = redis.call('TIME')
         local now = time[1] * 1000000 + time[2]
         local stored = tonumber(redis.call('GET', KEYS[1]) or now)
         local refilled = math.min(math.max(stored, now), now + full) + interval
         local wait = refilled - full - now
         if wait > 0 then return {wait, full} end
         if ARGV[3] == 'count' then
           local rest = math.ceil((refilled - now) / 1000)
           redis.call('SET', KEYS[1], string.format('%.0f', refilled), 'PX', rest)
         end
         return {0, refilled - now}",
    )
});

/// [`Limits`] of all instances together. While Redis is away each instance counts for itself.
#[derive(Debug)]
pub struct RedisLimits {
    link: Arc<Link>,
    alone: EmbeddedLimits,
}

impl RedisLimits {
    /// Limits on a server.
    pub fn new(link: Arc<Link>) -> Self {
        Self { link, alone: EmbeddedLimits::default() }
    }

    /// How long to wait; none while Redis is away.
    async fn ask(&self, quota: &Quota, key: &str, what: &str) -> Option<Result<Left, UsedUp>> {
        let mut script = ATTEMPT.key(name(quota, key));
        script.arg(quota.interval_us()).arg(quota.full_us()).arg(what);
        let (wait_us, refilled_in_us): (u64, i64) = self.link.ask(&script).await?;
        Some(match wait_us {
            0 => Ok(quota.left(refilled_in_us)),
            _ => Err(quota.used_up(Duration::from_micros(wait_us))),
        })
    }
}

#[async_trait]
impl Limits for RedisLimits {
    async fn attempt(&self, quota: &Quota, key: &str) -> Result<Left, UsedUp> {
        let shared = self.ask(quota, key, "count").await;
        shared.unwrap_or_else(|| self.alone.count(quota, key))
    }

    async fn look(&self, quota: &Quota, key: &str) -> Result<(), UsedUp> {
        // A server that can be read may refuse to be written to, and what was counted is here then.
        match self.ask(quota, key, "look").await {
            Some(Err(used_up)) => Err(used_up),
            _ => self.alone.passes(quota, key),
        }
    }
}

fn name(quota: &Quota, key: &str) -> String {
    let hash = hex::encode(&Sha256::digest(key)[..16]);
    format!("handsel:limit:{}:{hash}", quota.name)
}
