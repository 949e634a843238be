//! Values kept in this process.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use moka::{ops::compute::Op, sync::Cache};
use tokio::time::Instant;

use super::super::{
    CacheStore, Look, Permit,
    cache::{LONGEST, PERMITTED},
};

/// Bytes of values and keys that are kept at most; those that nobody asks for make room first.
const CAPACITY: u64 = 16 * 1024 * 1024;

/// [`CacheStore`] in this process's memory.
#[derive(Debug)]
pub struct EmbeddedCache(Cache<String, Kept>);

#[derive(Clone, Debug)]
struct Kept {
    what: What,
    until: Instant,
}

#[derive(Clone, Debug)]
enum What {
    Value(Bytes),
    Permit(Permit),
}

impl Default for EmbeddedCache {
    fn default() -> Self {
        let weigh = |key: &String, kept: &Kept| {
            let value = if let What::Value(value) = &kept.what { value.len() } else { 0 };
            u32::try_from(key.len() + value + size_of::<Kept>()).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().weigher(weigh).max_capacity(CAPACITY).time_to_live(LONGEST);
        Self(cache.build())
    }
}

#[async_trait]
impl CacheStore for EmbeddedCache {
    async fn look(&self, key: &str) -> Look {
        let now = Instant::now();
        // Most find it; only who does not has to take the key's turn.
        if let Some(Kept { what: What::Value(value), until }) = self.0.get(key)
            && now < until
        {
            return Look::Found(value);
        }
        let mut look = Look::Missing(None);
        self.0.entry_by_ref(key).and_compute_with(|entry| {
            match entry.map(moka::Entry::into_value).filter(|kept| now < kept.until) {
                Some(Kept { what: What::Value(value), .. }) => {
                    look = Look::Found(value);
                    Op::Nop
                }
                Some(Kept { what: What::Permit(_), .. }) => Op::Nop,
                None => {
                    let permit = Permit::new();
                    look = Look::Missing(Some(permit));
                    Op::Put(Kept { what: What::Permit(permit), until: now + PERMITTED })
                }
            }
        });
        look
    }

    async fn keep(&self, key: &str, permit: Permit, value: Bytes, life: Duration) {
        self.0.entry_by_ref(key).and_compute_with(|entry| {
            match entry.map(moka::Entry::into_value) {
                Some(Kept { what: What::Permit(given), .. }) if given == permit => {
                    Op::Put(Kept { what: What::Value(value), until: Instant::now() + life })
                }
                _ => Op::Nop,
            }
        });
    }

    async fn forget(&self, keys: &[String]) {
        for key in keys {
            self.0.invalidate(key);
        }
    }
}
