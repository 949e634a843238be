//! Attempt limits on card codes. Only misses count, so that a busy till is never stopped; whoever
//! missed too often is refused before the next look, so that a hit cannot slip through.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use platform::{
    http::ClientAddress,
    roles::{Limits, Quota},
};

use crate::{domain::ids::MerchantId, error::Error};

/// Misses of one merchant within an hour: typing errors are caught by the check character, so that
/// even these are many.
const MERCHANT: Quota = an_hour("card-misses-merchant", 60);
/// Misses from one address within an hour.
const ADDRESS: Quota = an_hour("card-misses-address", 20);
/// Misses of everyone together within an hour. Only anonymous askers are stopped by it: strangers
/// must not be able to close the tills.
const EVERYONE: Quota = an_hour("card-misses", 10_000);

const fn an_hour(name: &'static str, misses: u32) -> Quota {
    Quota::new(name, NonZeroU32::new(misses).expect("not zero"), Duration::from_secs(3600))
}

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
pub(crate) struct AttemptLimits(pub(crate) Arc<dyn Limits>);

impl AttemptLimits {
    /// Whether the asker may look now.
    ///
    /// # Errors
    /// [`Error::TooMany`] with the time to wait.
    pub(crate) async fn admit(&self, asker: Asker) -> Result<(), Error> {
        let admitted = match asker {
            Asker::Merchant(merchant) => self.0.look(&MERCHANT, &merchant.to_string()).await,
            Asker::Anonymous(address) => match self.0.look(&EVERYONE, "").await {
                Ok(()) => self.0.look(&ADDRESS, &address.to_string()).await,
                refused => refused,
            },
        };
        admitted.map_err(Error::TooMany)
    }

    /// Counts a look that found nothing for the asker.
    pub(crate) async fn missed(&self, asker: Asker) {
        let (quota, key) = match asker {
            Asker::Merchant(merchant) => (&MERCHANT, merchant.to_string()),
            Asker::Anonymous(address) => (&ADDRESS, address.to_string()),
        };
        // What is past the quota already is stopped by the next look, counted or not.
        let _ = self.0.attempt(&EVERYONE, "").await;
        let _ = self.0.attempt(quota, &key).await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use platform::roles::Roles;

    use super::*;

    fn limits() -> AttemptLimits {
        AttemptLimits(Roles::embedded().limits)
    }

    #[tokio::test(start_paused = true)]
    async fn only_misses_count_and_only_their_asker_is_stopped() {
        let limits = limits();
        let (busy, guessing) = (MerchantId::new(), MerchantId::new());
        for _ in 0..1_000 {
            limits.admit(Asker::Merchant(busy)).await.unwrap();
        }
        for _ in 0..60 {
            limits.admit(Asker::Merchant(guessing)).await.unwrap();
            limits.missed(Asker::Merchant(guessing)).await;
        }
        let refused = limits.admit(Asker::Merchant(guessing)).await;
        assert!(
            matches!(refused, Err(Error::TooMany(used_up)) if used_up.wait == Duration::from_secs(60))
        );
        limits.admit(Asker::Merchant(busy)).await.unwrap();
        limits.admit(Asker::Anonymous(Ipv4Addr::LOCALHOST.into())).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn everyone_together_stops_strangers_and_not_the_tills() {
        let limits = limits();
        for n in 0..10_000_u32 {
            limits.missed(Asker::Anonymous(Ipv4Addr::from(n).into())).await;
        }
        let stranger = Asker::Anonymous(Ipv4Addr::LOCALHOST.into());
        assert!(matches!(limits.admit(stranger).await, Err(Error::TooMany(_))));
        limits.admit(Asker::Merchant(MerchantId::new())).await.unwrap();
    }
}
