//! Public randomness: chains of rounds, each with a BLS signature that nobody can know before its
//! time and anybody can check.
//!
//! Two chains are known. [`Chain::Quicknet`] is the one of the drand network, with its public key
//! built in. A sandbox chain has the same scheme with a key of its own, for rehearsals: whoever
//! holds that key knows every round in advance, so it proves nothing about fairness. Fetching
//! rounds is not done here.

mod sandbox;

use blst::BLST_ERROR;
use blst::min_sig;

pub use sandbox::{Sandbox, SandboxChain};

use crate::fixed::{BeaconKey, BeaconSignature, Digest, Hex, sha256};
use crate::moment::Moment;
use crate::schedule::round_for;

/// The chain hash of drand quicknet: `52db9ba7…c84e971`.
pub const QUICKNET_HASH: Digest = Hex([
    0x52, 0xdb, 0x9b, 0xa7, 0x0e, 0x0c, 0xc0, 0xf6, 0xea, 0xf7, 0x80, 0x3d, 0xd0, 0x74, 0x47, 0xa1,
    0xf5, 0x47, 0x77, 0x35, 0xfd, 0x3f, 0x66, 0x17, 0x92, 0xba, 0x94, 0x60, 0x0c, 0x84, 0xe9, 0x71,
]);

/// The public key of drand quicknet, pinned: a compressed point of G2.
pub const QUICKNET_KEY: BeaconKey = Hex([
    0x83, 0xcf, 0x0f, 0x28, 0x96, 0xad, 0xee, 0x7e, 0xb8, 0xb5, 0xf0, 0x1f, 0xca, 0xd3, 0x91, 0x22,
    0x12, 0xc4, 0x37, 0xe0, 0x07, 0x3e, 0x91, 0x1f, 0xb9, 0x00, 0x22, 0xd3, 0xe7, 0x60, 0x18, 0x3c,
    0x8c, 0x4b, 0x45, 0x0b, 0x6a, 0x0a, 0x6c, 0x3a, 0xc6, 0xa5, 0x77, 0x6a, 0x2d, 0x10, 0x64, 0x51,
    0x0d, 0x1f, 0xec, 0x75, 0x8c, 0x92, 0x1c, 0xc2, 0x2b, 0x0e, 0x17, 0xe6, 0x3a, 0xaf, 0x4b, 0xcb,
    0x5e, 0xd6, 0x63, 0x04, 0xde, 0x9c, 0xf8, 0x09, 0xbd, 0x27, 0x4c, 0xa7, 0x3b, 0xab, 0x4a, 0xf5,
    0xa6, 0xe9, 0xc7, 0x6a, 0x4b, 0xc0, 0x9e, 0x76, 0xea, 0xe8, 0x99, 0x1e, 0xf5, 0xec, 0xe4, 0x5a,
]);

/// When quicknet's round 1 was.
const QUICKNET_GENESIS: u64 = 1_692_803_367;

/// Seconds between quicknet's rounds.
const QUICKNET_PERIOD_SECONDS: u32 = 3;

/// The domain of drand's unchained rounds on G1.
const DOMAIN: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

/// A chain of rounds that this crate can check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// The public drand network: one round every three seconds, signed by a threshold of operators.
    Quicknet,
    /// A local chain with its own key.
    Sandbox(SandboxChain),
}

/// Why a round is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BeaconError {
    /// The chain's key is no valid point.
    #[error("the chain's public key is not a point of its group")]
    Key,
    /// The signature is no valid point.
    #[error("the signature of round {0} is not a point of its group")]
    Malformed(u64),
    /// The signature is not the chain's for this round.
    #[error("the signature is not that of round {0} of this chain")]
    Signature(u64),
    /// There is no round 0.
    #[error("rounds start at 1")]
    RoundZero,
}

impl Chain {
    /// The hash that names the chain.
    #[must_use]
    pub fn hash(&self) -> Digest {
        match self {
            Self::Quicknet => QUICKNET_HASH,
            Self::Sandbox(chain) => chain.hash(),
        }
    }

    /// The key that signs its rounds.
    #[must_use]
    pub fn public_key(&self) -> BeaconKey {
        match self {
            Self::Quicknet => QUICKNET_KEY,
            Self::Sandbox(chain) => chain.public_key,
        }
    }

    /// When round 1 was.
    ///
    /// # Panics
    /// Never: the built-in genesis is a date.
    #[must_use]
    pub fn genesis(&self) -> Moment {
        match self {
            Self::Quicknet => {
                Moment::from_unix_seconds(QUICKNET_GENESIS).expect("quicknet began in 2023")
            }
            Self::Sandbox(chain) => chain.genesis,
        }
    }

    /// Seconds between rounds, never 0.
    #[must_use]
    pub fn period_seconds(&self) -> u32 {
        match self {
            Self::Quicknet => QUICKNET_PERIOD_SECONDS,
            Self::Sandbox(chain) => chain.period_seconds.get(),
        }
    }

    /// Whether somebody may know its rounds in advance.
    #[must_use]
    pub fn is_sandbox(&self) -> bool {
        matches!(self, Self::Sandbox(_))
    }

    /// When a round is published; `None` for round 0 and beyond the year 9999.
    #[must_use]
    pub fn time_of(&self, round: u64) -> Option<Moment> {
        let elapsed = round.checked_sub(1)?.checked_mul(self.period_seconds().into())?;
        self.genesis().checked_add(elapsed)
    }

    /// The first round at or after a moment.
    #[must_use]
    pub fn round_at_or_after(&self, at: Moment) -> u64 {
        round_for(at, self.genesis(), self.period_seconds())
    }

    /// Checks that `signature` is the chain's for `round`.
    ///
    /// # Errors
    /// When it is not, or a key or signature is no point of its group.
    pub fn verify(&self, round: u64, signature: &BeaconSignature) -> Result<(), BeaconError> {
        if round == 0 {
            return Err(BeaconError::RoundZero);
        }
        let key =
            min_sig::PublicKey::key_validate(&self.public_key().0).map_err(|_| BeaconError::Key)?;
        let point = min_sig::Signature::sig_validate(&signature.0, true)
            .map_err(|_| BeaconError::Malformed(round))?;
        // Both points have just been checked to be in their groups.
        match point.verify(false, &message(round).0, DOMAIN, &[], &key, false) {
            BLST_ERROR::BLST_SUCCESS => Ok(()),
            _ => Err(BeaconError::Signature(round)),
        }
    }
}

/// The randomness of a round: SHA-256 of its signature.
#[must_use]
pub fn randomness(signature: &BeaconSignature) -> Digest {
    sha256(&[&signature.0])
}

/// What is signed for a round, on a chain whose rounds do not depend on each other.
fn message(round: u64) -> Digest {
    sha256(&[&round.to_be_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_and_times_belong_together() {
        let chain = Chain::Quicknet;
        assert_eq!(chain.time_of(0), None);
        assert_eq!(chain.time_of(1), Some(chain.genesis()));
        assert_eq!(chain.time_of(u64::MAX), None);
        for round in [1, 2, 1000, 32_398_879] {
            let at = chain.time_of(round).unwrap();
            assert_eq!(chain.round_at_or_after(at), round);
            assert_eq!(chain.round_at_or_after(at.checked_add(1).unwrap()), round + 1);
        }
    }

    #[test]
    fn quicknet_has_the_name_that_drand_gives_it() {
        let hash = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
        assert_eq!(Chain::Quicknet.hash().to_string(), hash);
        assert!(!Chain::Quicknet.is_sandbox());
    }

    #[test]
    fn bytes_that_are_no_point_are_refused() {
        let mut infinity = [0; 48];
        infinity[0] = 0xc0;
        for bytes in [[0; 48], [0xff; 48], infinity] {
            assert_eq!(Chain::Quicknet.verify(5, &Hex(bytes)), Err(BeaconError::Malformed(5)));
        }
        assert_eq!(Chain::Quicknet.verify(0, &Hex([0; 48])), Err(BeaconError::RoundZero));
    }
}
