//! The commitment: a manifest that fixes the frozen entries, the rules and the round, signed by
//! the instance and published before the round is known.

use serde::{Deserialize, Serialize};

use crate::beacon::Chain;
use crate::canonical::{canonical_bytes, canonical_hash, decimal};
use crate::fixed::{Digest, Signature};
use crate::ids::{DrawId, UnitId};
use crate::leaf::{Leaf, LeafError};
use crate::merkle;
use crate::moment::Moment;
use crate::rules::{Rules, RulesError};
use crate::schedule;
use crate::signing::InstanceKey;

/// The version of this document.
pub const MANIFEST_VERSION: u32 = 1;

/// The manifest, with exactly the members it is published with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`].
    pub version: u32,
    /// The draw.
    pub draw_id: DrawId,
    /// 0 for the first draw over these entries, then counting up.
    pub generation: u32,
    /// The hash of the manifest of the generation before, or zeros.
    pub previous: Digest,
    /// The prize units, in the order in which winners get them.
    pub units: Vec<UnitId>,
    /// How many alternates are drawn after the winners.
    pub alternates: u32,
    /// The hash of the beacon's chain.
    pub chain: Digest,
    /// The round that decides.
    pub round: u64,
    /// Whether that is a later round than the rules name, after downtime.
    pub late: bool,
    /// The hash of the rules.
    pub rules: Digest,
    /// The Merkle root over the leaves.
    pub root: Digest,
    /// How many leaves there are.
    pub leaves: u64,
    /// The sum of their weights.
    #[serde(with = "decimal")]
    pub weight: u64,
    /// When the entries were frozen, by the instance's clock.
    pub sealed_at: Moment,
}

/// Why entries cannot be committed to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The rules are not coherent.
    #[error("rules: {0}")]
    Rules(#[from] RulesError),
    /// Leaves out of order, or two with the same id.
    #[error("leaves: number {0} does not sort after the one before")]
    Order(usize),
    /// A leaf that contradicts itself.
    #[error("leaves: number {0}: {1}")]
    Leaf(usize, LeafError),
    /// An eligible leaf with a weight that the rules do not give.
    #[error("leaves: number {0}: the rules give no entry a weight of {1}")]
    Weight(usize, u32),
    /// Before the freeze there is nothing to commit to.
    #[error("sealed_at: entries are frozen at {0}, not before")]
    TooEarly(Moment),
    /// No round before the year 10000.
    #[error("sealed_at: no round can be appointed")]
    NoRound,
}

impl Manifest {
    /// The published bytes, which are also what is signed.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        canonical_bytes(self)
    }

    /// The hash that enters the seed, and that witnesses keep.
    #[must_use]
    pub fn hash(&self) -> Digest {
        canonical_hash(self)
    }

    /// Signs the canonical bytes. They begin with a brace and every other signed message with
    /// `handsel/`, so that none can be mistaken for another.
    #[must_use]
    pub fn sign(&self, key: &InstanceKey) -> Signature {
        key.sign(&self.canonical())
    }

    /// How many picks the draw makes if there are enough entries: units, then alternates.
    #[must_use]
    pub fn picks_wanted(&self) -> usize {
        let alternates = usize::try_from(self.alternates).unwrap_or(usize::MAX);
        self.units.len().saturating_add(alternates)
    }
}

/// Commits to the frozen entries: the manifest of generation 0 over `leaves`, which must be sorted
/// (leaves sort by their id). The round is that of the rules, or a later one after downtime, see
/// [`schedule::appoint`]; pass the time at which the manifest is about to be published.
///
/// # Errors
/// When rules or leaves break what a verifier will demand of them.
pub fn commit(
    rules: &Rules,
    chain: &Chain,
    leaves: &[Leaf],
    sealed_at: Moment,
) -> Result<Manifest, CommitError> {
    rules.check(chain)?;
    let freeze_at = rules.freeze_at().ok_or(CommitError::NoRound)?;
    if sealed_at < freeze_at {
        return Err(CommitError::TooEarly(freeze_at));
    }
    let appointment = schedule::appoint(rules, chain, sealed_at).ok_or(CommitError::NoRound)?;
    let weight = check_leaves(rules, leaves)?;
    Ok(Manifest {
        version: MANIFEST_VERSION,
        draw_id: rules.draw_id,
        generation: 0,
        previous: Digest::ZERO,
        units: rules.unit_ids(),
        alternates: rules.alternates,
        chain: rules.chain,
        round: appointment.round,
        late: appointment.late,
        rules: rules.hash(),
        root: merkle::root(leaves.iter().map(Leaf::as_bytes)),
        leaves: leaves.len() as u64,
        weight,
        sealed_at,
    })
}

/// Checks that leaves are sorted by id without repetition, consistent, and weighted as the rules
/// say; returns the sum of the weights.
///
/// # Errors
/// The first leaf that is not so; leaves are numbered from 0.
pub fn check_leaves(rules: &Rules, leaves: &[Leaf]) -> Result<u64, CommitError> {
    let mut total = 0;
    for (number, leaf) in leaves.iter().enumerate() {
        if number > 0 && leaves[number - 1].id() >= leaf.id() {
            return Err(CommitError::Order(number));
        }
        leaf.check().map_err(|error| CommitError::Leaf(number, error))?;
        let weight = leaf.weight();
        if weight > 0 && !rules.weight.allows(weight) {
            return Err(CommitError::Weight(number, weight));
        }
        // No overflow: that would take more than 2³² leaves of 53 bytes in memory.
        total += u64::from(weight);
    }
    Ok(total)
}
