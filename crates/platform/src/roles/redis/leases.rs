//! Leases at Redis.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use async_trait::async_trait;
use redis::Script;
use uuid::Uuid;

use super::{
    super::{Hold, Leases},
    Link,
};

/// KEYS: the lease, its fence. ARGV: who asks, milliseconds. Answers the fence, or 0 if another has it. Nobody
/// has it for longer than is asked for, also when the server's clock was set back.
static HOLD: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local holder = redis.call('GET', KEYS[1])
         local is_ours = holder == ARGV[1]
         local lasts = holder and redis.call('PTTL', KEYS[1]) <= tonumber(ARGV[2])
         if lasts and not is_ours then return 0 end
         redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
         return tonumber(is_ours and redis.call('GET', KEYS[2]) or redis.call('INCR', KEYS[2]))",
    )
});

/// KEYS: the lease. ARGV: who asks.
static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
         return 0",
    )
});

/// [`Leases`] of all instances. While Redis is away nobody can say who holds them.
#[derive(Debug)]
pub struct RedisLeases {
    link: Arc<Link>,
    holder: String,
}

impl RedisLeases {
    /// Leases on a server, for a holder that is like no other.
    pub fn new(link: Arc<Link>) -> Self {
        Self { link, holder: Uuid::new_v4().to_string() }
    }
}

#[async_trait]
impl Leases for RedisLeases {
    async fn hold(&self, name: &str, time: Duration) -> Hold {
        let mut script = HOLD.key(format!("handsel:lease:{name}"));
        script.key(format!("handsel:fence:{name}")).arg(&self.holder).arg(millis(time));
        match self.link.ask(&script).await {
            None => Hold::Unknown,
            Some(0) => Hold::Others,
            Some(fence) => Hold::Ours(fence),
        }
    }

    async fn give_back(&self, name: &str) {
        let mut script = GIVE_BACK.key(format!("handsel:lease:{name}"));
        script.arg(&self.holder);
        let _: Option<u64> = self.link.ask(&script).await;
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
