//! Values kept by Redis.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use redis::Script;

use super::{
    super::{CacheStore, Look, Permit, cache::PERMITTED},
    Link,
};

/// What is stored begins with what it is.
const VALUE: u8 = b'V';
const PERMIT: &str = "P";

/// KEYS: the key. ARGV: the permit to give, and how long it lasts. Answers what is stored; nothing when the
/// permit was given.
static LOOK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local kept = redis.call('GET', KEYS[1])
         if kept then return kept end
         redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
         return false",
    )
});

/// KEYS: the key. ARGV: the permit, what to store, and how long.
static KEEP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
         redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
         return 1",
    )
});

/// [`CacheStore`] of all instances together. While Redis is away nothing is found and nothing kept.
#[derive(Debug)]
pub struct RedisCache(Arc<Link>);

impl RedisCache {
    /// A store on a server.
    pub fn new(link: Arc<Link>) -> Self {
        Self(link)
    }
}

#[async_trait]
impl CacheStore for RedisCache {
    async fn look(&self, key: &str) -> Look {
        let permit = Permit::new();
        let mut script = LOOK.key(name(key));
        script.arg(written(permit)).arg(millis(PERMITTED));
        match self.0.ask::<Option<Vec<u8>>>(&script).await {
            Some(Some(kept)) if kept.first() == Some(&VALUE) => {
                Look::Found(Bytes::from(kept).slice(1..))
            }
            Some(None) => Look::Missing(Some(permit)),
            Some(Some(_)) | None => Look::Missing(None),
        }
    }

    async fn keep(&self, key: &str, permit: Permit, value: Bytes, life: Duration) {
        let mut stored = Vec::with_capacity(1 + value.len());
        stored.push(VALUE);
        stored.extend_from_slice(&value);
        let mut script = KEEP.key(name(key));
        script.arg(written(permit)).arg(stored).arg(millis(life));
        let _: Option<i64> = self.0.ask(&script).await;
    }

    async fn forget(&self, keys: &[String]) {
        if keys.is_empty() {
            return;
        }
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(keys.iter().map(|key| name(key)).collect::<Vec<_>>());
        let _: Option<i64> = self.0.command(&unlink).await;
    }
}

fn name(key: &str) -> String {
    format!("handsel:cache:{key}")
}

fn written(permit: Permit) -> String {
    format!("{PERMIT}{}", permit.0.simple())
}

/// Redis knows no life shorter than a millisecond.
fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1)
}
