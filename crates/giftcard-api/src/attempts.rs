//! Attempt limits on card codes. Only misses count, so that a busy till is never stopped; whoever
//! missed too often is refused before the next look, so that a hit cannot slip through.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use platform::{http::ClientAddress, limits::AttemptLimit};

use crate::{domain::ids::MerchantId, error::Error};

/// Misses of one merchant within an hour: typing errors are caught by the check character, so that
/// even these are many.
const MERCHANT_MISSES: NonZeroU32 = NonZeroU32::new(60).expect("not zero");
/// Misses from one address within an hour.
const ADDRESS_MISSES: NonZeroU32 = NonZeroU32::new(20).expect("not zero");
/// Misses of everyone together within an hour. Only anonymous askers are stopped by it: strangers
/// must not be able to close the tills.
const GLOBAL_MISSES: NonZeroU32 = NonZeroU32::new(10_000).expect("not zero");
/// What the quotas are per.
const HOUR: Duration = Duration::from_secs(3600);
/// Blocked keys to remember before those whose time is over are forgotten.
const REMEMBERED: usize = 10_000;

/// Who asks about a card.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asker {
    /// A merchant, by its token or session.
    Merchant(MerchantId),
    /// Somebody at an address.
    Anonymous(IpAddr),
}

impl Asker {
    /// Somebody at an address.
    pub(crate) fn anonymous(address: ClientAddress) -> Self {
        Self::Anonymous(address.network())
    }
}

/// The limits of all askers.
pub(crate) struct AttemptLimits {
    merchants: Misses<MerchantId>,
    addresses: Misses<IpAddr>,
    everyone: Misses<()>,
}

impl AttemptLimits {
    /// Limits without misses yet.
    pub(crate) fn new() -> Self {
        Self {
            merchants: Misses::new(MERCHANT_MISSES),
            addresses: Misses::new(ADDRESS_MISSES),
            everyone: Misses::new(GLOBAL_MISSES),
        }
    }

    /// Whether the asker may look now.
    ///
    /// # Errors
    /// [`Error::TooMany`] with the time to wait.
    pub(crate) fn admit(&self, asker: Asker) -> Result<(), Error> {
        match asker {
            Asker::Merchant(merchant) => self.merchants.admit(&merchant),
            Asker::Anonymous(address) => {
                self.everyone.admit(&()).and_then(|()| self.addresses.admit(&address))
            }
        }
        .map_err(Error::TooMany)
    }

    /// Counts a look that found nothing for the asker.
    pub(crate) fn missed(&self, asker: Asker) {
        self.everyone.missed(&());
        match asker {
            Asker::Merchant(merchant) => self.merchants.missed(&merchant),
            Asker::Anonymous(address) => self.addresses.missed(&address),
        }
    }
}

struct Misses<K: Hash + Eq + Clone> {
    limit: AttemptLimit<K>,
    blocked: Mutex<HashMap<K, Instant>>,
}

impl<K: Hash + Eq + Clone> Misses<K> {
    fn new(per_hour: NonZeroU32) -> Self {
        Self { limit: AttemptLimit::new(per_hour, HOUR), blocked: Mutex::default() }
    }

    fn admit(&self, key: &K) -> Result<(), Duration> {
        let blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        match blocked.get(key).map(|until| until.saturating_duration_since(Instant::now())) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(()),
        }
    }

    fn missed(&self, key: &K) {
        if let Err(wait) = self.limit.attempt(key) {
            let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            if blocked.len() >= REMEMBERED {
                blocked.retain(|_, until| *until > now);
            }
            blocked.insert(key.clone(), now + wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn only_misses_count_and_only_their_asker_is_stopped() {
        let limits = AttemptLimits::new();
        let (busy, guessing) = (MerchantId::new(), MerchantId::new());
        for _ in 0..1_000 {
            limits.admit(Asker::Merchant(busy)).unwrap();
        }
        for _ in 0..=MERCHANT_MISSES.get() {
            limits.admit(Asker::Merchant(guessing)).unwrap();
            limits.missed(Asker::Merchant(guessing));
        }
        assert!(matches!(limits.admit(Asker::Merchant(guessing)), Err(Error::TooMany(_))));
        limits.admit(Asker::Merchant(busy)).unwrap();
        limits.admit(Asker::Anonymous(Ipv4Addr::LOCALHOST.into())).unwrap();
    }

    #[test]
    fn everyone_together_stops_strangers_and_not_the_tills() {
        let limits = AttemptLimits::new();
        for n in 0..=GLOBAL_MISSES.get() {
            limits.missed(Asker::Anonymous(Ipv4Addr::from(n).into()));
        }
        let stranger = Asker::Anonymous(Ipv4Addr::LOCALHOST.into());
        assert!(matches!(limits.admit(stranger), Err(Error::TooMany(_))));
        limits.admit(Asker::Merchant(MerchantId::new())).unwrap();
    }
}
