//! Where public randomness comes from: a port, and the local chain behind it in test mode.

use std::num::NonZeroU32;

use anyhow::Context as _;
use async_trait::async_trait;
use draw::{
    beacon::{Chain, Sandbox},
    fixed::BeaconSignature,
    moment::Moment,
};
use jiff::Timestamp;
use platform::keys::Key;

/// A beacon.
#[async_trait]
pub trait Beacon: Send + Sync + std::fmt::Debug {
    /// Its chain: key, genesis, period.
    fn chain(&self) -> Chain;

    /// The signature of a round, verified against the chain's key, or `None` while the round is not
    /// public or no relay has it yet. Never the signature of another round.
    ///
    /// # Errors
    /// When nobody could be asked; the caller asks again later.
    async fn signature(
        &self,
        round: u64,
        now: Timestamp,
    ) -> anyhow::Result<Option<BeaconSignature>>;
}

/// A local chain: the same signature scheme, without the many operators. Whoever runs it could know
/// every round in advance, so it proves nothing and serves test mode only.
#[derive(Debug)]
pub struct SandboxBeacon(pub Sandbox);

/// When round 1 of the sandbox beacon was. Part of the chain's identity, so it never changes.
const GENESIS: u64 = 1_692_803_367;

/// Seconds between rounds of the sandbox beacon, as on drand's quicknet.
const PERIOD: NonZeroU32 = NonZeroU32::new(3).unwrap();

impl SandboxBeacon {
    /// The chain of an installation, which follows from its key.
    ///
    /// # Errors
    /// When its genesis is no date.
    pub fn of_installation(key: &Key) -> anyhow::Result<Self> {
        let genesis = Moment::from_unix_seconds(GENESIS);
        let genesis = genesis.context("the beacon's genesis is no date")?;
        Ok(Self(Sandbox::from_seed(key.reveal(), genesis, PERIOD)))
    }
}

#[async_trait]
impl Beacon for SandboxBeacon {
    fn chain(&self) -> Chain {
        self.0.chain()
    }

    async fn signature(
        &self,
        round: u64,
        now: Timestamp,
    ) -> anyhow::Result<Option<BeaconSignature>> {
        let is_public = self.chain().time_of(round).is_some_and(|time| now >= time.timestamp());
        Ok(is_public.then(|| self.0.sign(round)))
    }
}
