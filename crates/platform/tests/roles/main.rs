//! What each role promises, on each backend.
//!
//! | module | role |
//! |---|---|
//! | `limits` | attempts and their quotas |
//! | `leases` | who does what only one needs to do |
//! | `bus` | messages to everybody |
//! | `cache` | what need not be read again |
//! | `redis` | all of them, while the server goes and comes back |

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod bus;
mod cache;
mod leases;
mod limits;
mod redis;

use std::{sync::Arc, time::Duration};

use platform::roles::{
    Bus, CacheStore, Leases, Limits, Roles,
    embedded::{EmbeddedCache, EmbeddedLeases},
    redis::{Link, RedisCache},
};

/// What others do on this machine must not make a server seem to be away.
const PATIENCE: Duration = Duration::from_secs(20);

/// Two instances of an application, and what they share.
struct Instances {
    limits: [Arc<dyn Limits>; 2],
    leases: [Arc<dyn Leases>; 2],
    buses: [Arc<dyn Bus>; 2],
    stores: [Arc<dyn CacheStore>; 2],
}

impl Instances {
    /// In one process.
    fn embedded() -> Self {
        let Roles { limits, bus, .. } = Roles::embedded();
        let leases = EmbeddedLeases::default();
        let another = leases.another_holder();
        let store: Arc<dyn CacheStore> = Arc::new(EmbeddedCache::default());
        Self {
            limits: [limits.clone(), limits],
            leases: [Arc::new(leases), Arc::new(another)],
            buses: [bus.clone(), bus],
            stores: [store.clone(), store],
        }
    }

    /// In two processes, on a server.
    fn redis(url: &str) -> Self {
        let link = || Link::new(url).unwrap().waiting(PATIENCE);
        let [first, second] = [(); 2].map(|()| Roles::on(link()));
        let store = || Arc::new(RedisCache::new(Arc::new(link())));
        Self {
            limits: [first.limits, second.limits],
            leases: [first.leases, second.leases],
            buses: [first.bus, second.bus],
            stores: [store(), store()],
        }
    }
}
