//! Invariants 7 and 9: the provider's log and our books tell the same, in both directions. The
//! provider is the truth for whether money moved, our books for why.

use std::collections::{BTreeMap, btree_map::Entry};

use jiff::Timestamp;
use ledger::Money;

use super::{Age, Violation, log::Effect};

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
struct Kind {
    invariant: u8,
    /// In sentences: a transfer, a payment.
    noun: &'static str,
    moved: &'static str,
    /// What is logged when it comes back; our books of payments do not say so of one payment.
    came_back: Option<&'static str>,
    /// Whether one reference is one movement: a checkout may be tried several times.
    is_named_once: bool,
}

const TRANSFERS: Kind = Kind {
    invariant: 7,
    noun: "transfer",
    moved: "transfer.paid",
    came_back: Some("transfer.reversed"),
    is_named_once: true,
};

const PAYMENTS: Kind = Kind {
    invariant: 9,
    noun: "payment",
    moved: "payment.paid",
    came_back: None,
    is_named_once: false,
};

/// What one side tells and the other does not.
pub(super) fn contradictions(
    log: &[Effect],
    transfers: &[Booked],
    payments: &[Booked],
    age: Age,
) -> Vec<Violation> {
    let mut found = judge(&TRANSFERS, log, transfers, age);
    found.extend(judge(&PAYMENTS, log, payments, age));
    found
}

fn judge(kind: &Kind, log: &[Effect], booked: &[Booked], age: Age) -> Vec<Violation> {
    let Kind { invariant, noun, .. } = kind;
    let violation = |what: String, row: String| Violation {
        invariant: *invariant,
        books: "together",
        what,
        rows: vec![row],
    };
    let mut found = Vec::new();
    let mut at_bank: BTreeMap<&str, (Movement, Timestamp)> = BTreeMap::new();
    let mut references: BTreeMap<&str, &str> = BTreeMap::new();
    for effect in log.iter().filter(|effect| effect.kind == kind.moved) {
        match at_bank.entry(effect.object_id.as_str()) {
            Entry::Vacant(entry) => drop(entry.insert((effect.movement(kind), effect.at))),
            Entry::Occupied(_) => found.push(violation(
                format!("the bank made one {noun} twice"),
                format!("{} (log entry {})", effect.object_id, effect.seq),
            )),
        }
        if kind.is_named_once
            && let Some(other) = references.insert(&effect.reference, &effect.object_id)
            && other != effect.object_id
        {
            found.push(violation(
                format!("two {noun}s of the bank have one reference"),
                format!("{}: {other} and {}", effect.reference, effect.object_id),
            ));
        }
    }
    for effect in log.iter().filter(|effect| kind.came_back == Some(effect.kind.as_str())) {
        if let Some((movement, at)) = at_bank.get_mut(effect.object_id.as_str()) {
            movement.came_back = true;
            *at = effect.at;
        }
    }
    for Booked { movement, row } in booked {
        let Some((theirs, since)) = at_bank.remove(movement.provider_id.as_str()) else {
            found.push(violation(
                format!("our books have a {noun} that the bank never made, or have it twice"),
                row.clone(),
            ));
            continue;
        };
        let only_news = theirs.clone().came_back_as(movement) == *movement;
        if theirs != *movement && (!only_news || age.is_old(since)) {
            found.push(violation(
                format!(
                    "our books and the bank differ about a {noun}: {movement:?} and {theirs:?}"
                ),
                row.clone(),
            ));
        }
    }
    for (id, (_, since)) in at_bank {
        if age.is_old(since) {
            found.push(violation(
                format!("the bank made a {noun} that our books lack"),
                id.to_owned(),
            ));
        }
    }
    found
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

    fn came_back_as(mut self, other: &Self) -> Self {
        self.came_back = other.came_back;
        self
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
            seq,
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
        let found = judge(&TRANSFERS, log, booked, Age::Running { now: now() });
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
    fn a_young_transfer_may_not_be_booked_yet() {
        let young = Effect { at: now(), ..paid("tr_1", 500) };
        check(&[young], &[], &[]);
    }
}
