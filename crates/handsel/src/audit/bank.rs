//! Invariants 7 and 9: the provider's log and our books tell the same, in both directions. The
//! provider is the truth for whether money moved, our books for why.
//!
//! A provider tells in an order of its own, so the two cannot be merged as sorted lists are. Our side
//! is read first and kept small: about sixty bytes for each movement, digests in place of texts. Then
//! the provider is listened to. Rows are named by reading our side again, if anything is in doubt.

use std::collections::{BTreeMap, btree_map::Entry};

use jiff::Timestamp;
use ledger::Money;
use platform::clock::from_millis;
use uuid::Uuid;

use super::{Age, LISTED, Violation, log::Effect};

/// A movement as one side tells it: equal on both sides, or something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Movement {
    /// The provider's id.
    pub(super) provider_id: String,
    /// Our reference; empty where it does not name one movement.
    pub(super) reference: String,
    pub(super) minor: i64,
    pub(super) currency: String,
    /// Where to; empty for what came in.
    pub(super) destination: String,
    /// Whether it came back.
    pub(super) came_back: bool,
}

/// A movement in our books, and the row that says so.
#[derive(Debug, Clone)]
pub(super) struct Booked {
    pub(super) movement: Movement,
    pub(super) row: String,
}

/// One kind of movement.
#[derive(Debug)]
pub(super) struct Kind {
    invariant: u8,
    /// In sentences: a transfer, a payment.
    noun: &'static str,
    moved: &'static str,
    /// What is logged when it comes back; our books of payments do not say so of one payment.
    came_back: Option<&'static str>,
    /// Whether one reference is one movement: a checkout may be tried several times.
    is_named_once: bool,
}

pub(super) const TRANSFERS: Kind = Kind {
    invariant: 7,
    noun: "transfer",
    moved: "transfer.paid",
    came_back: Some("transfer.reversed"),
    is_named_once: true,
};

pub(super) const PAYMENTS: Kind = Kind {
    invariant: 9,
    noun: "payment",
    moved: "payment.paid",
    came_back: None,
    is_named_once: false,
};

/// What stands for a text of any length.
type Digest = Uuid;

/// Both sides of one kind of movement, in this order: all of [`Comparison::book`], all of
/// [`Comparison::hear`], [`Comparison::doubts`], all of [`Comparison::name`] if there are any.
#[derive(Debug)]
pub(super) struct Comparison {
    kind: &'static Kind,
    age: Age,
    /// By the provider's id.
    ours: BTreeMap<Digest, Known>,
    /// The provider's id by our reference, as the provider tells it.
    references: BTreeMap<Digest, Digest>,
    /// What our books lack, by the provider's id: nothing but news, when all is well.
    strangers: BTreeMap<String, Timestamp>,
    /// At most [`LISTED`].
    doubts: BTreeMap<Digest, Doubt>,
    found: Vec<Violation>,
}

/// A movement of ours, and whether the provider told of it.
#[derive(Debug)]
struct Known {
    /// The beginning of a digest is enough to tell two terms of one movement apart.
    terms: u64,
    came_back: bool,
    heard: Option<Heard>,
}

#[derive(Debug)]
struct Heard {
    since_ms: i64,
    came_back: bool,
}

/// A movement of ours with which something is wrong; the row that says so is not known yet.
#[derive(Debug)]
enum Doubt {
    NeverMade,
    Differs(Movement),
    CameBack(bool),
}

impl Comparison {
    pub(super) fn new(kind: &'static Kind, age: Age) -> Self {
        Self {
            kind,
            age,
            ours: BTreeMap::new(),
            references: BTreeMap::new(),
            strangers: BTreeMap::new(),
            doubts: BTreeMap::new(),
            found: Vec::new(),
        }
    }

    /// Takes a movement of our books.
    pub(super) fn book(&mut self, booked: &Booked) {
        let movement = &booked.movement;
        let known = Known { terms: movement.terms(), came_back: movement.came_back, heard: None };
        match self.ours.entry(digest(&movement.provider_id)) {
            Entry::Vacant(entry) => drop(entry.insert(known)),
            Entry::Occupied(_) => {
                let what = format!("our books have a {} twice", self.kind.noun);
                self.violation(what, booked.row.clone());
            }
        }
    }

    /// Takes what the provider says it did.
    pub(super) fn hear(&mut self, effect: &Effect) {
        if effect.kind == self.kind.moved {
            self.hear_moved(effect);
        } else if self.kind.came_back == Some(effect.kind.as_str()) {
            if let Some(known) = self.ours.get_mut(&digest(&effect.object_id)) {
                let since_ms = effect.at.as_millisecond();
                known.heard = Some(Heard { since_ms, came_back: true });
            } else if let Some(since) = self.strangers.get_mut(&effect.object_id) {
                *since = effect.at;
            }
        }
    }

    fn hear_moved(&mut self, effect: &Effect) {
        let Kind { noun, is_named_once, .. } = self.kind;
        let id = digest(&effect.object_id);
        if *is_named_once && *self.references.entry(digest(&effect.reference)).or_insert(id) != id {
            let row = format!("{}: {} is not the first", effect.reference, effect.object_id);
            self.violation(format!("two {noun}s of the bank have one reference"), row);
        }
        let heard = Heard { since_ms: effect.at.as_millisecond(), came_back: false };
        let theirs = effect.movement(self.kind);
        let is_repeated = match self.ours.get_mut(&id) {
            Some(known) => {
                if known.terms != theirs.terms() && self.doubts.len() < LISTED {
                    self.doubts.insert(id, Doubt::Differs(theirs));
                }
                known.heard.replace(heard).is_some()
            }
            None => self.strangers.insert(effect.object_id.clone(), effect.at).is_some(),
        };
        // Objects are told again whenever they have changed; an entry of a log is written once.
        if let (true, Some(seq)) = (is_repeated, effect.seq) {
            let row = format!("{} (log entry {seq})", effect.object_id);
            self.violation(format!("the bank made one {noun} twice"), row);
        }
    }

    /// Compares. Whether our books have to be read again, to name their rows.
    pub(super) fn doubts(&mut self) -> bool {
        let age = self.age;
        for (id, known) in &self.ours {
            if self.doubts.len() >= LISTED {
                break;
            }
            let doubt = match &known.heard {
                None => Doubt::NeverMade,
                Some(heard)
                    if heard.came_back != known.came_back
                        && age.is_old(from_millis(heard.since_ms)) =>
                {
                    Doubt::CameBack(heard.came_back)
                }
                Some(_) => continue,
            };
            self.doubts.entry(*id).or_insert(doubt);
        }
        for (id, since) in std::mem::take(&mut self.strangers) {
            if age.is_old(since) {
                let what = format!("the bank made a {} that our books lack", self.kind.noun);
                self.violation(what, id);
            }
        }
        !self.doubts.is_empty()
    }

    /// Names the row of a movement that is in doubt.
    pub(super) fn name(&mut self, booked: &Booked) {
        let Booked { movement, row } = booked;
        let noun = self.kind.noun;
        let theirs = match self.doubts.remove(&digest(&movement.provider_id)) {
            None => return,
            Some(Doubt::NeverMade) => {
                let what = format!("our books have a {noun} that the bank never made");
                return self.violation(what, row.clone());
            }
            Some(Doubt::Differs(theirs)) => theirs,
            Some(Doubt::CameBack(came_back)) => Movement { came_back, ..movement.clone() },
        };
        // The row may have changed since it was read first.
        if theirs != *movement {
            let what = format!(
                "our books and the bank differ about a {noun}: {movement:?} and {theirs:?}"
            );
            self.violation(what, row.clone());
        }
    }

    /// What was found, at most twice [`LISTED`].
    pub(super) fn into_violations(self) -> Vec<Violation> {
        self.found
    }

    fn violation(&mut self, what: String, row: String) {
        if self.found.len() < 2 * LISTED {
            let invariant = self.kind.invariant;
            self.found.push(Violation { invariant, books: "together", what, rows: vec![row] });
        }
    }
}

fn digest(text: &str) -> Digest {
    ledger::op_id(&[text.as_bytes()])
}

impl Movement {
    /// A movement without a past.
    pub(super) fn new(provider_id: String, reference: String, amount: Money) -> Self {
        Self {
            provider_id,
            reference,
            minor: amount.minor,
            currency: amount.currency.to_string(),
            destination: String::new(),
            came_back: false,
        }
    }

    /// What both sides have to say alike from the beginning.
    fn terms(&self) -> u64 {
        let Self { provider_id, reference, minor, currency, destination, came_back: _ } = self;
        let texts = [provider_id, reference, currency, destination].map(|text| text.as_bytes());
        let [id, reference, currency, destination] = texts;
        ledger::op_id(&[id, reference, &minor.to_be_bytes(), currency, destination]).as_u64_pair().0
    }
}

impl Effect {
    fn movement(&self, kind: &Kind) -> Movement {
        Movement {
            provider_id: self.object_id.clone(),
            reference: if kind.is_named_once { self.reference.clone() } else { String::new() },
            minor: self.amount_minor,
            currency: self.currency.clone(),
            destination: self.destination.clone().unwrap_or_default(),
            came_back: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    fn effect(seq: i64, kind: &str, id: &str, minor: i64) -> Effect {
        Effect {
            seq: Some(seq),
            at: now() - SignedDuration::from_hours(2),
            kind: kind.into(),
            object_id: id.into(),
            reference: format!("stl_{id}"),
            amount_minor: minor,
            currency: "EUR".into(),
            destination: Some("acct_1".into()),
        }
    }

    fn paid(id: &str, minor: i64) -> Effect {
        effect(1, "transfer.paid", id, minor)
    }

    fn booked(effect: &Effect) -> Booked {
        Booked {
            movement: effect.movement(&TRANSFERS),
            row: format!("settlement of {}", effect.object_id),
        }
    }

    fn check(log: &[Effect], booked: &[Booked], expected: &[&str]) {
        let mut comparison = Comparison::new(&TRANSFERS, Age::Running { now: now() });
        booked.iter().for_each(|booked| comparison.book(booked));
        log.iter().for_each(|effect| comparison.hear(effect));
        if comparison.doubts() {
            booked.iter().for_each(|booked| comparison.name(booked));
        }
        let found = comparison.into_violations();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (violation, expected) in found.iter().zip(expected) {
            assert!(violation.what.contains(expected), "{} lacks {expected}", violation.what);
        }
    }

    #[test]
    fn both_sides_tell_the_same() {
        let (one, two) = (paid("tr_1", 500), paid("tr_2", 700));
        let log = [one.clone(), two.clone(), effect(9, "payment.paid", "pay_1", 3)];
        check(&log, &[booked(&one), booked(&two)], &[]);
        check(&log, &[booked(&one)], &["that our books lack"]);
        check(&log[..1], &[booked(&one), booked(&two)], &["never made"]);
        check(&log[..1], &[booked(&one), booked(&one)], &["twice"]);
        check(&[one.clone(), one.clone()], &[booked(&one)], &["made one transfer twice"]);
        let other = paid("tr_1", 501);
        check(std::slice::from_ref(&other), &[booked(&one)], &["differ"]);
        let twin = Effect { object_id: "tr_3".into(), ..one.clone() };
        check(&[one.clone(), twin.clone()], &[booked(&one), booked(&twin)], &["one reference"]);
    }

    #[test]
    fn what_came_back_has_to_be_booked_in_time() {
        let one = paid("tr_1", 500);
        let back = effect(2, "transfer.reversed", "tr_1", 500);
        check(&[one.clone(), back.clone()], &[booked(&one)], &["differ"]);
        let young = Effect { at: now(), ..back.clone() };
        check(&[one.clone(), young], &[booked(&one)], &[]);
        let mut reversed = booked(&one);
        reversed.movement.came_back = true;
        check(&[one.clone(), back], std::slice::from_ref(&reversed), &[]);
        check(&[one], &[reversed], &["differ"]);
    }

    #[test]
    fn an_object_may_be_told_again_and_its_last_word_counts() {
        let one = Effect { seq: None, ..paid("tr_1", 500) };
        let back = Effect { seq: None, ..effect(2, "transfer.reversed", "tr_1", 500) };
        let mut reversed = booked(&one);
        reversed.movement.came_back = true;
        check(&[one.clone(), one.clone(), back], &[reversed], &[]);
        check(&[one.clone(), one], &[], &["that our books lack"]);
    }

    #[test]
    fn a_broken_ledger_does_not_fill_the_memory() {
        let all: Vec<_> = (0..300).map(|n| paid(&format!("tr_{n}"), 5)).collect();
        let booked: Vec<_> = all.iter().map(booked).collect();
        let mut comparison = Comparison::new(&TRANSFERS, Age::Quiet);
        booked.iter().for_each(|booked| comparison.book(booked));
        assert!(comparison.doubts() && comparison.doubts.len() == LISTED);
    }

    #[test]
    fn a_young_transfer_may_not_be_booked_yet() {
        let young = Effect { at: now(), ..paid("tr_1", 500) };
        check(&[young], &[], &[]);
    }
}
