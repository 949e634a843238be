//! What the instances of an application share besides their rows. Each role is a small trait with one
//! backend in this process and one on Redis; `tests/roles` holds both to the same promises.
//!
//! | role | trait | in one process | in a fleet |
//! |---|---|---|---|
//! | rate limits | [`Limits`] | a map | a script, [`redis`] |
//! | leases | [`Leases`] | a map | a script, [`redis`] |
//! | messages to all | [`Bus`] | channels | `PUBLISH`, [`redis`] |
//! | cache | [`CacheStore`], read through by [`Cache`] | a bounded map | keys that end, [`redis`] |
//!
//! The queue of calls has its own trait and stores in `durable-grpc`.
//!
//! Nothing that must be right depends on them: rows decide that. They keep work from being done twice and
//! guesses from being made often, and both go on, less well, while Redis is away.

mod bus;
mod cache;
pub mod embedded;
mod leases;
mod limits;
pub mod redis;

use std::sync::Arc;

pub use bus::{Bus, Heard, Listener};
pub use cache::{Cache, CacheStore, Look, Permit};
pub use leases::{Hold, Leases};
pub use limits::{Left, Limits, Quota, UsedUp};

/// The roles of one process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Roles {
    /// How often something may be tried.
    pub limits: Arc<dyn Limits>,
    /// Who does what only one needs to do.
    pub leases: Arc<dyn Leases>,
    /// What all of them hear.
    pub bus: Arc<dyn Bus>,
    /// What need not be read again.
    pub cache: Cache,
}

impl Roles {
    /// For a process that has everything to itself.
    pub fn embedded() -> Self {
        Self {
            limits: Arc::new(embedded::EmbeddedLimits::default()),
            leases: Arc::new(embedded::EmbeddedLeases::default()),
            bus: Arc::new(embedded::EmbeddedBus::default()),
            cache: Cache::on(Arc::new(embedded::EmbeddedCache::default())),
        }
    }

    /// For one of several processes.
    ///
    /// # Errors
    /// When the URL is none. The server itself may be away.
    pub fn redis(url: &str) -> anyhow::Result<Self> {
        Ok(Self::on(redis::Link::new(url)?))
    }

    /// The same, over a link.
    pub fn on(link: redis::Link) -> Self {
        let link = Arc::new(link);
        Self {
            limits: Arc::new(redis::RedisLimits::new(link.clone())),
            leases: Arc::new(redis::RedisLeases::new(link.clone())),
            bus: Arc::new(redis::RedisBus::new(link.clone())),
            cache: Cache::on(Arc::new(redis::RedisCache::new(link))),
        }
    }
}
