//! Succession: when a winner leaves, the next alternate takes that very prize. Other winners never
//! shift, and every replacement is a signed record that anybody can replay.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::canonical::required_option;
use crate::codes::Ground;
use crate::fixed::{Digest, LeafId, PublicKey, Signature};
use crate::ids::UnitId;
use crate::manifest::Manifest;
use crate::moment::Moment;
use crate::rules::Rules;
use crate::signing::{self, InstanceKey, SignatureError};

/// The record of one replacement, signed by the instance over the hash of the manifest and all
/// other members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Succession {
    /// Its place among the replacements of this draw, from 0.
    pub number: u32,
    /// The prize unit.
    pub unit: UnitId,
    /// The winner who leaves.
    pub from: LeafId,
    /// The alternate who takes the unit; `null` when none is left.
    #[serde(deserialize_with = "required_option")]
    pub to: Option<LeafId>,
    /// Why the winner leaves.
    pub reason: Departure,
    /// For a disqualification, the ground in the rules; otherwise `null`.
    #[serde(deserialize_with = "required_option")]
    pub ground: Option<Ground>,
    /// SHA-256 of the evidence, which is kept but not published.
    pub evidence: Digest,
    /// When the unit passed on.
    pub at: Moment,
    /// The instance's signature.
    pub signature: Signature,
}

/// Why a winner can be replaced after the commitment. There are no other reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Departure {
    /// The time to claim ran out.
    Lapsed = 1,
    /// The winner did not want the prize.
    Declined = 2,
    /// The winner broke a rule that the rules name as a ground.
    Disqualified = 3,
}

/// A winner who leaves, to be turned into a [`Succession`] by [`Winners::succeed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// The unit that becomes free.
    pub unit: UnitId,
    /// Why.
    pub reason: Departure,
    /// For a disqualification, the ground in the rules.
    pub ground: Option<Ground>,
    /// SHA-256 of the evidence.
    pub evidence: Digest,
    /// When.
    pub at: Moment,
}

/// Who holds which unit, and who is next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Winners {
    manifest: Digest,
    claim_seconds: u32,
    grounds: Vec<Ground>,
    places: Vec<Place>,
    place_of: BTreeMap<UnitId, usize>,
    alternates: Vec<LeafId>,
    next_alternate: usize,
    records: u32,
}

/// One prize unit and its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The unit.
    pub unit: UnitId,
    /// The winner, or nobody: too few entries, or no alternate left.
    pub winner: Option<LeafId>,
    /// Since when this is so: the time of the round, or of the last replacement.
    pub since: Moment,
    /// How often the unit passed on.
    pub replacements: u32,
}

/// Why a replacement is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuccessionError {
    /// A record is missing, repeated or out of place.
    #[error("number: expected {expected}, found {found}")]
    Number {
        /// The number that comes next.
        expected: u32,
        /// The number given.
        found: u32,
    },
    /// No such prize in this draw.
    #[error("unit: {0} is not a prize of this draw")]
    UnknownUnit(UnitId),
    /// Nobody holds the unit, so nobody can leave it.
    #[error("unit: {0} has no winner")]
    Vacant(UnitId),
    /// Not the one who holds the unit.
    #[error("from: the winner is {0}")]
    NotTheWinner(LeafId),
    /// Not the next alternate in the order drawn.
    #[error("to: the next alternate is {}", shown(.0.as_ref()))]
    NotNext(Option<LeafId>),
    /// A disqualification without ground, a ground without disqualification, or one the rules do
    /// not list.
    #[error("ground: a disqualification, and nothing else, names one that the rules list")]
    Ground,
    /// Time that runs backwards.
    #[error("at: the winner holds the unit only since {0}")]
    BeforeSelection(Moment),
    /// A claim cannot lapse before its time is over.
    #[error("at: the winner had {0} seconds to claim")]
    StillClaimable(u32),
    /// Not signed by the instance.
    #[error("signature: {0}")]
    Signature(#[from] SignatureError),
}

impl Winners {
    /// The winners as drawn: the first picks hold the units in order, the rest are alternates.
    /// `drawn_at` is the time of the beacon's round.
    #[must_use]
    pub fn drawn(rules: &Rules, manifest: &Manifest, picks: &[LeafId], drawn_at: Moment) -> Self {
        let place = |(index, unit): (usize, &UnitId)| Place {
            unit: *unit,
            winner: picks.get(index).copied(),
            since: drawn_at,
            replacements: 0,
        };
        let places: Vec<Place> = manifest.units.iter().enumerate().map(place).collect();
        Self {
            manifest: manifest.hash(),
            claim_seconds: rules.claim_seconds,
            grounds: rules.disqualification.clone(),
            place_of: places.iter().enumerate().map(|(index, place)| (place.unit, index)).collect(),
            alternates: picks.get(places.len()..).unwrap_or_default().to_vec(),
            places,
            next_alternate: 0,
            records: 0,
        }
    }

    /// The units in order, with their present holders.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The alternates who have not been called yet, in order.
    #[must_use]
    pub fn waiting(&self) -> &[LeafId] {
        &self.alternates[self.next_alternate..]
    }

    /// Gives the unit of a leaving winner to the next alternate and signs the record of it.
    ///
    /// # Errors
    /// When a verifier would not accept the record; then nothing has changed.
    pub fn succeed(
        &mut self,
        leaving: Leaving,
        key: &InstanceKey,
    ) -> Result<Succession, SuccessionError> {
        let index = self.place(leaving.unit)?;
        let from = self.places[index].winner.ok_or(SuccessionError::Vacant(leaving.unit))?;
        let Leaving { unit, reason, ground, evidence, at } = leaving;
        let signature = crate::fixed::Hex([0; 64]);
        let (number, to) = (self.records, self.waiting().first().copied());
        let mut record =
            Succession { number, unit, from, to, reason, ground, evidence, at, signature };
        self.check(&record)?;
        record.signature = key.sign(&record.message(&self.manifest));
        self.replace(index, &record);
        Ok(record)
    }

    /// Replays a record.
    ///
    /// # Errors
    /// When it is not the only right one; then nothing has changed.
    pub fn apply(&mut self, record: &Succession, key: &PublicKey) -> Result<(), SuccessionError> {
        let index = self.check(record)?;
        signing::verify(key, &record.message(&self.manifest), &record.signature)?;
        self.replace(index, record);
        Ok(())
    }

    /// Everything but the signature; returns the index of the place.
    fn check(&self, record: &Succession) -> Result<usize, SuccessionError> {
        if record.number != self.records {
            let (expected, found) = (self.records, record.number);
            return Err(SuccessionError::Number { expected, found });
        }
        let index = self.place(record.unit)?;
        let place = &self.places[index];
        let winner = place.winner.ok_or(SuccessionError::Vacant(record.unit))?;
        if record.from != winner {
            return Err(SuccessionError::NotTheWinner(winner));
        }
        let next = self.waiting().first().copied();
        if record.to != next {
            return Err(SuccessionError::NotNext(next));
        }
        let grounded = match (&record.ground, record.reason) {
            (Some(ground), Departure::Disqualified) => self.grounds.contains(ground),
            (None, Departure::Lapsed | Departure::Declined) => true,
            _ => false,
        };
        if !grounded {
            return Err(SuccessionError::Ground);
        }
        if record.at < place.since {
            return Err(SuccessionError::BeforeSelection(place.since));
        }
        let held_seconds = record.at.unix_seconds() - place.since.unix_seconds();
        if record.reason == Departure::Lapsed && held_seconds < self.claim_seconds.into() {
            return Err(SuccessionError::StillClaimable(self.claim_seconds));
        }
        Ok(index)
    }

    fn replace(&mut self, index: usize, record: &Succession) {
        let place = &mut self.places[index];
        place.winner = record.to;
        place.since = record.at;
        place.replacements += 1;
        self.next_alternate += usize::from(record.to.is_some());
        self.records += 1;
    }

    fn place(&self, unit: UnitId) -> Result<usize, SuccessionError> {
        self.place_of.get(&unit).copied().ok_or(SuccessionError::UnknownUnit(unit))
    }
}

impl Succession {
    fn message(&self, manifest: &Digest) -> Vec<u8> {
        let fields: [&[u8]; 9] = [
            &manifest.0,
            &self.number.to_be_bytes(),
            self.unit.as_bytes(),
            &self.from.0,
            self.to.as_ref().map_or(&[], |to| to.0.as_slice()),
            &[self.reason as u8],
            self.ground.as_ref().map_or(&[], |ground| ground.as_str().as_bytes()),
            &self.evidence.0,
            &self.at.unix_seconds().to_be_bytes(),
        ];
        signing::message("handsel/succession/v1", &fields)
    }
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lapsed => "lapsed",
            Self::Declined => "declined",
            Self::Disqualified => "disqualified",
        })
    }
}

fn shown(leaf: Option<&LeafId>) -> String {
    leaf.map_or_else(|| "nobody, all have been called".to_owned(), LeafId::to_string)
}
