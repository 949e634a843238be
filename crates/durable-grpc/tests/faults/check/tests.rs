//! The checker can fail: a story in which everything is right, and for each violation a change to
//! it that is found.

use super::{Violation as V, check};
use crate::{
    history::{
        At, DeadCall, Dump, Executed, Failure, Handled, Histories, Kept, Label, Outcome, Stands,
        Told,
    },
    plan::{Kind, Method},
};

const AWAITED: Kind = Kind { method: Method::Reserve, keyed: true, detached: false, later: false };
const CHARGE: Kind = Kind { method: Method::Charge, ..AWAITED };
const DETACHED: Kind = Kind { keyed: false, detached: true, ..AWAITED };
const LATER: Kind = Kind { detached: true, later: true, ..AWAITED };

/// Writes histories; each line is a microsecond after the one before.
#[derive(Default)]
struct Scribe {
    us: u64,
    histories: Histories,
}

fn id(label: Label) -> String {
    format!("call-{label}")
}

fn failure(outcome: Outcome, end: Option<&str>) -> Failure {
    let end = end.map(str::to_owned);
    Failure { code: String::new(), outcome, end, wait_ms: 40_000, had_ended: false }
}

impl Scribe {
    fn at<E>(&mut self, event: E) -> At<E> {
        self.us += 1;
        At { us: self.us, event }
    }

    fn submitted(&mut self, label: Label, kind: Kind) {
        let entry = self.at(Told::Submitted { label, kind });
        self.histories.caller.push(entry);
    }

    fn accepted(&mut self, label: Label) {
        let entry = self.at(Told::Accepted { label, call: id(label) });
        self.histories.caller.push(entry);
    }

    fn answered(&mut self, label: Label, answer: &str) {
        let entry = self.at(Told::Answered { label, call: id(label), answer: answer.to_owned() });
        self.histories.caller.push(entry);
    }

    fn failed(&mut self, label: Label, failure: Failure) {
        let entry = self.at(Told::Failed { label, call: Some(id(label)), failure });
        self.histories.caller.push(entry);
    }

    fn executed(&mut self, label: Label, answer: Option<&str>) {
        let effect = self.histories.callee.len() as u64 + 1;
        let entry = self.at(Executed {
            label,
            call: id(label),
            method: String::new(),
            attempt: 1,
            effect,
            answer: answer.map(str::to_owned),
        });
        self.histories.callee.push(entry);
    }

    fn claimed(&mut self, owner: &str, delivery: u64) {
        let owner = owner.to_owned();
        let entry = self.at(Handled::Claimed { call: id(0), owner, delivery });
        self.histories.workers.push(entry);
    }

    fn finished(&mut self, owner: &str, delivery: u64, heard: bool) {
        self.us += 1;
        let (owner, began_us) = (owner.to_owned(), self.us);
        let entry = self.at(Handled::Finished { call: id(0), owner, delivery, heard, began_us });
        self.histories.workers.push(entry);
    }

    fn kept(&mut self, label: Label, stands: Stands) {
        let call = (stands != Stands::Gone).then(|| id(label));
        self.histories.store.calls.push(Kept { label, call, stands });
    }

    fn dead(&mut self, label: Label, end: &str) {
        let dead = DeadCall { label, call: id(label), end: end.to_owned() };
        self.histories.store.dead.push(dead);
        self.histories.store.dead_counted += 1;
    }
}

fn ended(end: &str, answer: Option<&str>) -> Stands {
    Stands::Ended { end: end.to_owned(), answer: answer.map(str::to_owned) }
}

/// What a scribe wrote breaks exactly these promises.
fn expect(expected: &[V], write: impl FnOnce(&mut Scribe)) {
    let mut scribe = Scribe::default();
    write(&mut scribe);
    assert_eq!(check(&scribe.histories), expected);
}

/// One call that is executed and answered.
fn answered_once(scribe: &mut Scribe, label: Label, kind: Kind) {
    let answer = format!("answer-{label}");
    scribe.submitted(label, kind);
    scribe.executed(label, Some(&answer));
    scribe.answered(label, &answer);
    scribe.kept(label, ended("answered", Some(&answer)));
}

#[test]
fn a_story_in_which_everything_is_right_breaks_no_promise() {
    expect(&[], |scribe| {
        answered_once(scribe, 0, AWAITED);
        scribe.claimed("a", 1);
        scribe.claimed("b", 2);
        scribe.finished("a", 1, false);
        scribe.finished("b", 2, true);
        // At least once, and asked for twice.
        scribe.submitted(1, AWAITED);
        scribe.executed(1, None);
        scribe.failed(1, failure(Outcome::Unknown, None));
        scribe.submitted(1, AWAITED);
        scribe.executed(1, Some("second"));
        scribe.executed(1, Some("third"));
        scribe.answered(1, "second");
        scribe.kept(1, ended("answered", Some("second")));
        // A detached success leaves nothing behind, a detached refusal a dead letter.
        scribe.submitted(2, DETACHED);
        scribe.accepted(2);
        scribe.executed(2, Some("done"));
        scribe.kept(2, Stands::Gone);
        scribe.submitted(3, DETACHED);
        scribe.accepted(3);
        scribe.executed(3, Some("refused"));
        scribe.kept(3, ended("dead", Some("refused")));
        scribe.dead(3, "dead");
        // Lost after it was sent.
        scribe.submitted(4, CHARGE);
        scribe.executed(4, Some("nobody heard it"));
        scribe.failed(4, failure(Outcome::Unknown, Some("ambiguous")));
        scribe.kept(4, ended("ambiguous", None));
        scribe.dead(4, "ambiguous");
        scribe.submitted(5, LATER);
        scribe.accepted(5);
        scribe.kept(5, Stands::Waiting);
        // Not accepted, and then it was.
        scribe.submitted(6, CHARGE);
        scribe.failed(6, failure(Outcome::NotAccepted, None));
        answered_once(scribe, 6, CHARGE);
        // The caller died before it heard of it.
        scribe.submitted(7, Kind { keyed: false, ..CHARGE });
        scribe.executed(7, Some("nobody asked"));
    });
}

#[test]
fn effects_that_nobody_wanted_are_ghosts() {
    expect(&[V::Ghost(0)], |scribe| scribe.executed(0, Some("boo")));
    expect(&[V::Ghost(0)], |scribe| {
        scribe.executed(0, Some("too soon"));
        scribe.submitted(0, AWAITED);
    });
}

#[test]
fn a_second_effect_is_found_where_one_is_allowed() {
    let twice = |method| {
        move |scribe: &mut Scribe| {
            answered_once(scribe, 0, Kind { method, ..AWAITED });
            scribe.executed(0, Some("again"));
        }
    };
    expect(&[], twice(Method::Reserve));
    expect(&[V::Repeated(0)], twice(Method::Charge));
    expect(&[V::Repeated(0)], twice(Method::Once));
}

#[test]
fn an_effect_before_its_time_is_found() {
    expect(&[V::Early(0)], |scribe| {
        scribe.submitted(0, LATER);
        scribe.accepted(0);
        scribe.executed(0, None);
        scribe.kept(0, Stands::Waiting);
    });
}

#[test]
fn two_calls_under_one_key_are_found() {
    expect(&[V::TwoCalls(0)], |scribe| {
        answered_once(scribe, 0, AWAITED);
        scribe.histories.store.calls[0].call = Some("another".to_owned());
    });
}

#[test]
fn answers_of_others_and_of_nobody_are_found() {
    expect(&[V::Misdelivered(0), V::Changed(0)], |scribe| {
        answered_once(scribe, 0, AWAITED);
        answered_once(scribe, 1, AWAITED);
        scribe.answered(0, "answer-1");
    });
    expect(&[V::Forged(0), V::Changed(0)], |scribe| {
        answered_once(scribe, 0, AWAITED);
        scribe.answered(0, "invented");
    });
}

#[test]
fn a_second_answer_is_found() {
    expect(&[V::Changed(0)], |scribe| {
        answered_once(scribe, 0, AWAITED);
        scribe.executed(0, Some("another"));
        scribe.answered(0, "another");
    });
    expect(&[V::Changed(0)], |scribe| {
        scribe.submitted(0, CHARGE);
        scribe.failed(0, failure(Outcome::Unknown, Some("ambiguous")));
        answered_once(scribe, 0, CHARGE);
    });
}

#[test]
fn statuses_that_are_not_true_are_found() {
    expect(&[V::Mismatch(0)], |scribe| {
        answered_once(scribe, 0, AWAITED);
        scribe.failed(0, failure(Outcome::Mismatch, None));
    });
    expect(&[V::Denied(0)], |scribe| {
        answered_once(scribe, 0, AWAITED);
        scribe.failed(0, failure(Outcome::NotAccepted, None));
    });
    expect(&[V::Unheard(0)], |scribe| {
        answered_once(scribe, 0, AWAITED);
        let code = "DeadlineExceeded: 40 s".to_owned();
        let unheard = Failure { code, had_ended: true, ..failure(Outcome::Unknown, None) };
        scribe.failed(0, unheard);
    });
}

#[test]
fn calls_that_disappear_are_found() {
    expect(&[V::Lost(0)], |scribe| {
        answered_once(scribe, 0, AWAITED);
        scribe.histories.store = Dump::default();
    });
    expect(&[V::Lost(0)], |scribe| {
        scribe.submitted(0, DETACHED);
        scribe.accepted(0);
        scribe.kept(0, Stands::Gone);
    });
    expect(&[V::Lost(0)], |scribe| {
        scribe.submitted(0, CHARGE);
        scribe.failed(0, failure(Outcome::Unknown, Some("ambiguous")));
        scribe.kept(0, ended("ambiguous", None));
    });
}

#[test]
fn calls_that_never_end_are_found() {
    for stands in [Stands::Waiting, Stands::Running] {
        expect(&[V::Pending(0)], |scribe| {
            scribe.submitted(0, AWAITED);
            scribe.kept(0, stands);
        });
    }
}

#[test]
fn ends_that_the_policy_does_not_allow_are_found() {
    for (kind, end, answer) in [
        (AWAITED, "ambiguous", None),
        (AWAITED, "dead", None),
        (AWAITED, "expired", None),
        (AWAITED, "cancelled", None),
        (CHARGE, "discarded", None),
        (DETACHED, "expired", None),
        (LATER, "answered", Some("early")),
    ] {
        let mut scribe = Scribe::default();
        scribe.submitted(0, kind);
        scribe.kept(0, ended(end, answer));
        let violations = check(&scribe.histories);
        assert!(violations.contains(&V::WrongEnd(0)), "{kind:?} {end}: {violations:?}");
    }
    expect(&[V::WrongEnd(0)], |scribe| {
        answered_once(scribe, 0, CHARGE);
        scribe.dead(0, "ambiguous");
    });
}

#[test]
fn an_owner_that_is_heard_after_another_claim_is_found() {
    expect(&[V::Stale(id(0))], |scribe| {
        scribe.claimed("a", 1);
        scribe.claimed("b", 2);
        scribe.finished("a", 1, true);
    });
    expect(&[V::Stale(id(0))], |scribe| {
        scribe.claimed("a", 1);
        scribe.claimed("a", 2);
        scribe.finished("a", 1, true);
    });
}

#[test]
fn dead_letters_that_are_not_counted_are_found() {
    expect(&[V::Miscounted], |scribe| scribe.histories.store.dead_counted = 1);
}
