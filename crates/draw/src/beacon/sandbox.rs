//! A chain of one's own, for test mode: the same signatures, without the many operators.

use std::fmt;
use std::num::NonZeroU32;

use blst::min_sig::SecretKey;
use serde::{Deserialize, Serialize};

use super::{Chain, DOMAIN, message};
use crate::fixed::{BeaconKey, BeaconSignature, Digest, Hex, sha256};
use crate::moment::Moment;

/// What the public has to know about a sandbox chain to check its rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxChain {
    /// The key that signs its rounds.
    pub public_key: BeaconKey,
    /// When round 1 is.
    pub genesis: Moment,
    /// Seconds between rounds.
    pub period_seconds: NonZeroU32,
}

/// The holder of a sandbox chain's secret key. It signs any round at once; waiting for a round's
/// time is up to whoever publishes it.
pub struct Sandbox {
    secret: SecretKey,
    chain: SandboxChain,
}

impl SandboxChain {
    /// `H("handsel/sandbox-chain/v1" ‖ 0x00 ‖ public key[96] ‖ genesis u64 ‖ period u32)`, with the
    /// genesis in Unix seconds and the period in seconds, both big-endian.
    #[must_use]
    pub fn hash(&self) -> Digest {
        sha256(&[
            b"handsel/sandbox-chain/v1\0",
            &self.public_key.0,
            &self.genesis.unix_seconds().to_be_bytes(),
            &self.period_seconds.get().to_be_bytes(),
        ])
    }
}

impl Sandbox {
    /// The chain that belongs to 32 random bytes; the same bytes give the same chain.
    ///
    /// # Panics
    /// Never: 32 bytes are enough for a key.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32], genesis: Moment, period_seconds: NonZeroU32) -> Self {
        let secret = SecretKey::key_gen(seed, &[]).expect("32 bytes make a secret key");
        let public_key = Hex(secret.sk_to_pk().to_bytes());
        Self { secret, chain: SandboxChain { public_key, genesis, period_seconds } }
    }

    /// The public side.
    #[must_use]
    pub fn chain(&self) -> Chain {
        Chain::Sandbox(self.chain)
    }

    /// The signature of a round.
    #[must_use]
    pub fn sign(&self, round: u64) -> BeaconSignature {
        Hex(self.secret.sign(&message(round).0, DOMAIN, &[]).to_bytes())
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("chain", &self.chain).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beacon::{BeaconError, QUICKNET_KEY};

    fn sandbox(seed: u8) -> Sandbox {
        let genesis = Moment::from_unix_seconds(1_700_000_000).unwrap();
        Sandbox::from_seed(&[seed; 32], genesis, NonZeroU32::new(2).unwrap())
    }

    #[test]
    fn a_round_verifies_on_its_own_chain_only() {
        let mine = sandbox(1);
        let signature = mine.sign(7);
        assert_eq!(mine.chain().verify(7, &signature), Ok(()));
        assert_eq!(mine.chain().verify(8, &signature), Err(BeaconError::Signature(8)));
        assert_eq!(sandbox(2).chain().verify(7, &signature), Err(BeaconError::Signature(7)));
        assert_eq!(Chain::Quicknet.verify(7, &signature), Err(BeaconError::Signature(7)));
        assert_eq!(sandbox(1).sign(7), signature);
    }

    #[test]
    fn the_hash_names_key_genesis_and_period() {
        let chain = sandbox(1).chain;
        let others = [
            SandboxChain { public_key: QUICKNET_KEY, ..chain },
            SandboxChain { genesis: chain.genesis.checked_add(1).unwrap(), ..chain },
            SandboxChain { period_seconds: NonZeroU32::new(3).unwrap(), ..chain },
        ];
        for other in others {
            assert_ne!(other.hash(), chain.hash());
        }
    }

    #[test]
    fn a_key_that_is_no_point_is_refused() {
        let chain = SandboxChain { public_key: Hex([1; 96]), ..sandbox(1).chain };
        let verdict = Chain::Sandbox(chain).verify(7, &sandbox(1).sign(7));
        assert_eq!(verdict, Err(BeaconError::Key));
    }

    #[test]
    fn the_secret_is_not_shown_in_debug_output() {
        assert!(!format!("{:?}", sandbox(1)).contains("secret"));
    }
}
