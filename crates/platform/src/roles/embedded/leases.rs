//! Leases within this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::Instant;

use super::super::{Hold, Leases};

/// [`Leases`] in this process's memory. Clones are the same holder.
#[derive(Clone, Debug, Default)]
pub struct EmbeddedLeases {
    holder: u64,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    holders: u64,
    leases: HashMap<String, Lease>,
}

#[derive(Debug)]
struct Lease {
    holder: Option<u64>,
    until: Instant,
    fence: u64,
}

impl EmbeddedLeases {
    /// Somebody else with the same leases, for several instances of an application in one process.
    #[must_use]
    pub fn another_holder(&self) -> Self {
        let mut shared = self.lock();
        shared.holders += 1;
        Self { holder: shared.holders, shared: self.shared.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Leases for EmbeddedLeases {
    async fn hold(&self, name: &str, time: Duration) -> Hold {
        let now = Instant::now();
        let mut shared = self.lock();
        let free = || Lease { holder: None, until: now, fence: 0 };
        let lease = shared.leases.entry(name.to_owned()).or_insert_with(free);
        match lease.holder {
            Some(holder) if lease.until > now && holder != self.holder => return Hold::Others,
            Some(holder) if lease.until > now && holder == self.holder => {}
            _ => lease.fence += 1,
        }
        (lease.holder, lease.until) = (Some(self.holder), now + time);
        Hold::Ours(lease.fence)
    }

    async fn give_back(&self, name: &str) {
        if let Some(lease) = self.lock().leases.get_mut(name)
            && lease.holder == Some(self.holder)
        {
            lease.holder = None;
        }
    }
}
