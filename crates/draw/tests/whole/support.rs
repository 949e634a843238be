//! A rehearsal of a whole draw, for the tests.

use std::num::NonZeroU32;

use draw::beacon::{Sandbox, SandboxChain};
use draw::codes::Ground;
use draw::drawing::run;
use draw::fixed::{Digest, Hex, LeafId, Salt, sha256};
use draw::ids::{DrawId, UnitId};
use draw::leaf::{Leaf, Reason, commitment};
use draw::manifest::commit;
use draw::moment::Moment;
use draw::receipt::Receipt;
use draw::rules::{Eligibility, PrizeUnit, RULES_VERSION, Rules, WeightRule};
use draw::signing::InstanceKey;
use draw::succession::{Departure, Leaving, Winners};
use draw::transcript::{BeaconRecord, Transcript};
use uuid::Uuid;

/// What a rehearsal is made of; change a field and everything else follows.
#[derive(Clone, Debug)]
pub(crate) struct Rehearsal {
    pub(crate) persons: u32,
    pub(crate) units: u32,
    pub(crate) alternates: u32,
    pub(crate) claim_seconds: u32,
    /// Seconds between the freeze and the sealing of the manifest.
    pub(crate) delay: u64,
    pub(crate) key_seed: u8,
}

impl Default for Rehearsal {
    fn default() -> Self {
        Self { persons: 40, units: 3, alternates: 4, claim_seconds: 3600, delay: 1, key_seed: 1 }
    }
}

pub(crate) const DRAW: DrawId = DrawId(Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef));

pub(crate) fn moment(seconds: u64) -> Moment {
    Moment::from_unix_seconds(1_800_000_000 + seconds).unwrap()
}

pub(crate) fn sandbox() -> Sandbox {
    let genesis = Moment::from_unix_seconds(1_700_000_001).unwrap();
    Sandbox::from_seed(&[42; 32], genesis, NonZeroU32::new(3).unwrap())
}

pub(crate) fn sandbox_chain() -> SandboxChain {
    match sandbox().chain() {
        draw::beacon::Chain::Sandbox(chain) => chain,
        draw::beacon::Chain::Quicknet => unreachable!("a sandbox has a sandbox chain"),
    }
}

fn hash(what: &str, number: u32) -> Digest {
    sha256(&[what.as_bytes(), &number.to_be_bytes()])
}

pub(crate) fn address(person: u32) -> String {
    format!("person{person}@example.org")
}

pub(crate) fn salt(person: u32) -> Salt {
    Salt(hash("salt", person).0)
}

pub(crate) fn leaf_id(person: u32) -> LeafId {
    let mut id = [0; 16];
    id.copy_from_slice(&hash("leaf", person).0[..16]);
    Hex(id)
}

impl Rehearsal {
    pub(crate) fn key(&self) -> InstanceKey {
        InstanceKey::from_seed(&[self.key_seed; 32])
    }

    pub(crate) fn rules(&self) -> Rules {
        let chain = sandbox().chain();
        let draw_at = moment(1000 + 60 + 20);
        let unit = |number| PrizeUnit {
            unit: UnitId(Uuid::from_u128(0xa000_0000_0000_4000_8000_0000_0000_0000 + number)),
            description: format!("Gift card № {number}"),
            value_minor: 2500,
            currency: "EUR".parse().unwrap(),
            merchant: "Bücher & Blumen".to_owned(),
        };
        Rules {
            version: RULES_VERSION,
            draw_id: DRAW,
            title: "Spring \"giveaway\" 🎁".to_owned(),
            units: (0..u128::from(self.units)).map(unit).collect(),
            alternates: self.alternates,
            weight: WeightRule::Equal {},
            eligibility: Eligibility {
                birth_year_max: Some(2008),
                countries_allowed: None,
                countries_excluded: vec!["CN".parse().unwrap()],
            },
            disqualification: vec!["employee".parse().unwrap(), "automated".parse().unwrap()],
            opens_at: moment(0),
            closes_at: moment(1000),
            review_seconds: 60,
            lead_seconds: 20,
            draw_at,
            chain: chain.hash(),
            round: chain.round_at_or_after(draw_at),
            further_generation: false,
            claim_seconds: self.claim_seconds,
        }
    }

    /// Every fifth person does not qualify.
    pub(crate) fn leaves(&self) -> Vec<Leaf> {
        let leaf = |person: u32| {
            let reason = match person % 20 {
                5 => Reason::Unverified,
                10 => Reason::BirthYear,
                15 => Reason::Country,
                19 => Reason::Disqualified,
                _ => Reason::None,
            };
            let commitment = commitment(DRAW, &salt(person), &address(person));
            Leaf::new(leaf_id(person), commitment, 1, reason)
        };
        let mut leaves: Vec<Leaf> = (0..self.persons).map(leaf).collect();
        leaves.sort_unstable();
        leaves
    }

    /// The transcript right after the draw.
    pub(crate) fn drawn(&self) -> Transcript {
        let (rules, leaves, key) = (self.rules(), self.leaves(), self.key());
        let sandbox = sandbox();
        let chain = sandbox.chain();
        let sealed_at = moment(1060 + self.delay);
        let manifest = commit(&rules, &chain, &leaves, sealed_at).unwrap();
        let round = manifest.round;
        let beacon_signature = sandbox.sign(round);
        let outcome = run(&manifest, &leaves, &chain, &beacon_signature).unwrap();
        let signature = manifest.sign(&key);
        let beacon = BeaconRecord::new(&chain, round, beacon_signature);
        Transcript::new(rules, manifest, signature, key.public_key(), leaves, beacon, outcome)
    }

    /// The transcript after one winner declined, one was disqualified and one let the prize lapse.
    pub(crate) fn replaced(&self) -> Transcript {
        let mut transcript = self.drawn();
        let (units, declined_at) = (transcript.manifest.units.clone(), moment(5000));
        let disqualified = Leaving {
            ground: Some("employee".parse::<Ground>().unwrap()),
            ..leaving(units[1], Departure::Disqualified, moment(6000))
        };
        let lapsed_at = declined_at.checked_add(self.claim_seconds.into()).unwrap();
        let mut winners = winners(&transcript);
        for leaving in [
            leaving(units[0], Departure::Declined, declined_at),
            disqualified,
            leaving(units[0], Departure::Lapsed, lapsed_at),
        ] {
            transcript.successions.push(winners.succeed(leaving, &self.key()).unwrap());
        }
        transcript
    }

    pub(crate) fn receipt(&self, person: u32) -> Receipt {
        let rules = self.rules().hash();
        Receipt::issue(&self.key(), DRAW, leaf_id(person), salt(person), &address(person), rules)
    }
}

pub(crate) fn leaving(unit: UnitId, reason: Departure, at: Moment) -> Leaving {
    Leaving { unit, reason, ground: None, evidence: hash("evidence", 0), at }
}

pub(crate) fn winners(transcript: &Transcript) -> Winners {
    let drawn_at = sandbox().chain().time_of(transcript.manifest.round).unwrap();
    Winners::drawn(&transcript.rules, &transcript.manifest, &transcript.picks, drawn_at)
}
