//! The draw itself: from a commitment and a round of the beacon to the picks.

use crate::beacon::{BeaconError, Chain, randomness};
use crate::fixed::{BeaconSignature, Digest, LeafId};
use crate::leaf::Leaf;
use crate::manifest::Manifest;
use crate::merkle;
use crate::seed::seed;
use crate::select::select;
use crate::stream::Stream;

/// What a draw decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The leaves in the order drawn: the first win the units in order, the rest are the
    /// alternates in order. Fewer than wanted if there were not enough eligible entries.
    pub picks: Vec<LeafId>,
    /// How many random words were consumed, including the rejected ones.
    pub words: u64,
    /// How many of them were rejected.
    pub rejected: u64,
}

/// Why nothing was drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrawError {
    /// Another chain than the one committed to.
    #[error("chain: the manifest names {0}")]
    Chain(Digest),
    /// The signature is not that of the round committed to.
    #[error("beacon: {0}")]
    Beacon(#[from] BeaconError),
    /// These are not the leaves committed to.
    #[error("leaves: they do not have the root that the manifest commits to")]
    Root,
}

/// Draws with the signature of the round that the manifest names.
///
/// # Errors
/// When the beacon's signature or the leaves are not those that were committed to. Nobody may win
/// by entries that changed between commitment and draw, so the root is computed once more.
pub fn run(
    manifest: &Manifest,
    leaves: &[Leaf],
    chain: &Chain,
    signature: &BeaconSignature,
) -> Result<Outcome, DrawError> {
    if chain.hash() != manifest.chain {
        return Err(DrawError::Chain(manifest.chain));
    }
    chain.verify(manifest.round, signature)?;
    if merkle::root(leaves.iter().map(Leaf::as_bytes)) != manifest.root {
        return Err(DrawError::Root);
    }
    Ok(draw(manifest, leaves, &randomness(signature)))
}

/// Draws without checking anything: for those who already have.
#[must_use]
pub fn draw(manifest: &Manifest, leaves: &[Leaf], randomness: &Digest) -> Outcome {
    let mut stream = Stream::new(&seed(randomness, &manifest.hash()));
    let weights = leaves.iter().map(Leaf::weight);
    let picks = select(weights, manifest.picks_wanted(), &mut stream)
        .into_iter()
        .map(|index| leaves[index].id())
        .collect();
    Outcome { picks, words: stream.words(), rejected: stream.rejected() }
}
