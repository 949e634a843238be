//! One leaf per person: what the commitment is made of.
//!
//! `leaf_id[16] ‖ H("handsel/person/v1" ‖ 0x00 ‖ draw_id[16] ‖ salt[32] ‖ address) ‖ weight u32 ‖
//! reason u8`, big-endian: 53 bytes, so that hashing a leaf into the tree is one SHA-256 block. A
//! leaf holds no personal data; once address and salt are deleted, nothing leads back to a person.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fixed::{Digest, Hex, LeafId, Salt, deserialize_hex, serialize_hex, sha256};
use crate::ids::DrawId;

/// The length of a leaf in bytes.
pub const LEAF_BYTES: usize = 53;

const ID: std::ops::Range<usize> = 0..16;
const PERSON: std::ops::Range<usize> = 16..48;
const WEIGHT: std::ops::Range<usize> = 48..52;
const REASON: usize = 52;

/// A leaf in its committed form. Leaves sort by their id, which is how they are committed.
///
/// Any 53 bytes can be held, also ones that no draw should contain; [`Leaf::check`] tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leaf([u8; LEAF_BYTES]);

/// Why an entry has no weight: coarse on purpose, because leaves are public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Reason {
    /// The entry takes part.
    None = 0,
    /// The address was never verified.
    Unverified = 1,
    /// Born too late for the rules, or no birth year was given where they ask for one.
    BirthYear = 2,
    /// The country is excluded or not among the allowed ones.
    Country = 3,
    /// Taken out before the freeze for one of the grounds that the rules list.
    Disqualified = 4,
}

/// What is wrong with a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// The last byte is none of the reason codes.
    #[error("{0} is not a reason code")]
    UnknownReason(u8),
    /// A weight together with a reason for having none.
    #[error("a weight of {weight} contradicts the reason {reason}")]
    WeightDespiteReason {
        /// The weight.
        weight: u32,
        /// The reason.
        reason: Reason,
    },
    /// No weight, and no reason for it.
    #[error("a weight of 0 has no reason")]
    NoReason,
}

impl Leaf {
    /// The leaf of an entry that takes part with this weight, or of one that has no weight for a
    /// reason: then `weight` is 0 whatever was given, so that the two never contradict.
    #[must_use]
    pub fn new(id: LeafId, person: Digest, weight: u32, reason: Reason) -> Self {
        let weight = if reason == Reason::None { weight } else { 0 };
        let mut bytes = [0; LEAF_BYTES];
        bytes[ID].copy_from_slice(&id.0);
        bytes[PERSON].copy_from_slice(&person.0);
        bytes[WEIGHT].copy_from_slice(&weight.to_be_bytes());
        bytes[REASON] = reason.code();
        Self(bytes)
    }

    /// The leaf with exactly these bytes, unchecked.
    #[must_use]
    pub fn from_bytes(bytes: [u8; LEAF_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes that are hashed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; LEAF_BYTES] {
        &self.0
    }

    /// The random id.
    #[must_use]
    pub fn id(&self) -> LeafId {
        Hex(self.field(ID))
    }

    /// The commitment to the person, see [`commitment`].
    #[must_use]
    pub fn person(&self) -> Digest {
        Hex(self.field(PERSON))
    }

    /// The number of tickets in the urn.
    #[must_use]
    pub fn weight(&self) -> u32 {
        u32::from_be_bytes(self.field(WEIGHT))
    }

    /// Why the weight is 0, or `None` for a byte that is no reason code.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        Reason::from_code(self.0[REASON])
    }

    /// Whether the reason is known and agrees with the weight.
    ///
    /// # Errors
    /// The first contradiction.
    pub fn check(&self) -> Result<(), LeafError> {
        match (self.weight(), self.reason()) {
            (_, None) => Err(LeafError::UnknownReason(self.0[REASON])),
            (0, Some(Reason::None)) => Err(LeafError::NoReason),
            (0, Some(_)) | (_, Some(Reason::None)) => Ok(()),
            (weight, Some(reason)) => Err(LeafError::WeightDespiteReason { weight, reason }),
        }
    }

    fn field<const N: usize>(&self, range: std::ops::Range<usize>) -> [u8; N] {
        self.0[range].try_into().expect("the ranges of a leaf have the length of their fields")
    }
}

impl Reason {
    /// The byte in the leaf.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The reason with this byte.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::None,
            1 => Self::Unverified,
            2 => Self::BirthYear,
            3 => Self::Country,
            4 => Self::Disqualified,
            _ => return None,
        })
    }
}

/// The commitment to a person: a hash over draw, salt and canonical address. Without the salt it
/// says nothing; with it, and only for this draw, it can be compared with a known address.
#[must_use]
pub fn commitment(draw_id: DrawId, salt: &Salt, canonical_address: &str) -> Digest {
    sha256(&[b"handsel/person/v1\0", draw_id.as_bytes(), &salt.0, canonical_address.as_bytes()])
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Unverified => "unverified",
            Self::BirthYear => "birth year",
            Self::Country => "country",
            Self::Disqualified => "disqualified",
        })
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Serialize for Leaf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_hex(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Leaf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_hex(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAW: DrawId = DrawId(uuid::Uuid::from_u128(7));

    #[test]
    fn fields_come_back_out() {
        let person = commitment(DRAW, &Salt([9; 32]), "anna@example.org");
        let leaf = Leaf::new(Hex([3; 16]), person, 0x0102_0304, Reason::None);
        assert_eq!(leaf.id(), Hex([3; 16]));
        assert_eq!(leaf.person(), person);
        assert_eq!(leaf.weight(), 0x0102_0304);
        assert_eq!(leaf.reason(), Some(Reason::None));
        assert_eq!(leaf.as_bytes()[48..], [1, 2, 3, 4, 0]);
    }

    #[test]
    fn a_reason_takes_the_weight_away() {
        let leaf = Leaf::new(Hex([3; 16]), Digest::ZERO, 5, Reason::Country);
        assert_eq!((leaf.weight(), leaf.reason()), (0, Some(Reason::Country)));
    }

    #[test]
    fn weight_and_reason_must_agree() {
        fn check(weight: u32, reason: u8, expected: Result<(), LeafError>) {
            let mut bytes = [0; LEAF_BYTES];
            bytes[WEIGHT].copy_from_slice(&weight.to_be_bytes());
            bytes[REASON] = reason;
            assert_eq!(Leaf::from_bytes(bytes).check(), expected);
        }
        check(1, 0, Ok(()));
        check(u32::MAX, 0, Ok(()));
        check(0, 1, Ok(()));
        check(0, 4, Ok(()));
        check(0, 0, Err(LeafError::NoReason));
        check(0, 5, Err(LeafError::UnknownReason(5)));
        check(9, 255, Err(LeafError::UnknownReason(255)));
        let both = LeafError::WeightDespiteReason { weight: 2, reason: Reason::Unverified };
        check(2, 1, Err(both));
    }

    #[test]
    fn every_input_of_the_commitment_counts() {
        let one = commitment(DRAW, &Salt([9; 32]), "anna@example.org");
        assert_ne!(one, commitment(DRAW, &Salt([9; 32]), "anne@example.org"));
        assert_ne!(one, commitment(DRAW, &Salt([8; 32]), "anna@example.org"));
        let other = DrawId(uuid::Uuid::from_u128(8));
        assert_ne!(one, commitment(other, &Salt([9; 32]), "anna@example.org"));
    }
}
