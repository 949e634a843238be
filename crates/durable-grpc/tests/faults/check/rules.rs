//! The promises, one function for each subject.

use std::collections::{BTreeMap, HashMap};

use super::{Violation, facts::Call};
use crate::{
    history::{At, Dump, Handled, Label, Outcome, Stands},
    plan::Method,
};

/// How the status begins that ends a wait.
const DEADLINE: &str = "DeadlineExceeded";
/// A waiter is looked up once a second. Whoever waited for this long and heard nothing of an end
/// that the store has is not looked up at all.
const LOOKED_UP_BY_MS: u64 = 2_500;

/// Effects: none that nobody wanted, none before its time, none more often than allowed.
pub(super) fn of_effects(label: Label, call: &Call<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let Some(kind) = call.kind else { return vec![Violation::Ghost(label)] };
    let first_us = call.submitted_us.first().copied().unwrap_or(u64::MAX);
    if call.effects.iter().any(|(us, _)| *us < first_us) {
        violations.push(Violation::Ghost(label));
    }
    if kind.method != Method::Reserve && call.effects.len() > 1 {
        violations.push(Violation::Repeated(label));
    }
    if kind.later && !call.effects.is_empty() {
        violations.push(Violation::Early(label));
    }
    if call.ids.windows(2).any(|pair| pair[0] != pair[1]) {
        violations.push(Violation::TwoCalls(label));
    }
    violations
}

/// Answers: each is the callee's own, to this very call, and it never changes.
pub(super) fn of_answers(
    label: Label,
    call: &Call<'_>,
    given: &BTreeMap<&str, Label>,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for answer in &call.answers {
        match given.get(answer) {
            Some(to) if *to == label => {}
            Some(_) => violations.push(Violation::Misdelivered(label)),
            None => violations.push(Violation::Forged(label)),
        }
    }
    if call.answers.windows(2).any(|pair| pair[0] != pair[1]) {
        violations.push(Violation::Changed(label));
    }
    violations
}

/// Statuses of the library: what they say about the effect is true, and none comes instead of an
/// end that the store had.
pub(super) fn of_statuses(label: Label, call: &Call<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (us, failure) in &call.failures {
        // A later submission may have been accepted; then its effects are its own.
        let until = call.submitted_us.iter().find(|submitted| *submitted > us);
        let until = until.copied().unwrap_or(u64::MAX);
        match failure.outcome {
            Outcome::Mismatch => violations.push(Violation::Mismatch(label)),
            Outcome::NotAccepted if call.effects.iter().any(|(at, _)| *at < until) => {
                violations.push(Violation::Denied(label));
            }
            Outcome::NotAccepted | Outcome::Unknown => {}
        }
        let waited_in_vain = failure.code.starts_with(DEADLINE) && failure.had_ended;
        if waited_in_vain && failure.wait_ms >= LOOKED_UP_BY_MS {
            violations.push(Violation::Unheard(label));
        }
    }
    violations
}

/// In the end: what was accepted is answered, dead-lettered or pending exactly as its policy says.
pub(super) fn of_the_end(label: Label, call: &Call<'_>) -> Vec<Violation> {
    let Some(kind) = call.kind else { return Vec::new() };
    let idempotent = kind.method != Method::Charge;
    let told_ambiguous =
        call.failures.iter().any(|(_, failure)| failure.end.as_deref() == Some("ambiguous"));
    let answered_by_callee = call.effects.iter().any(|(_, effect)| effect.answer.is_some());
    let mut violations = Vec::new();
    match call.stands {
        Some(Stands::Waiting) if kind.later => {}
        Some(Stands::Waiting | Stands::Running) => violations.push(Violation::Pending(label)),
        Some(Stands::Ended { end, answer }) => {
            let allowed = match end.as_str() {
                "answered" => answer.is_some() && !kind.later,
                // Only what was sent and must not be sent again.
                "ambiguous" => !idempotent && call.answers.is_empty(),
                // Nobody waited for a refusal. No other call of these stories is ever given up.
                "dead" => kind.detached && answer.is_some(),
                // Only the end of the caller's wait may end a call unseen.
                "expired" => !kind.keyed && !kind.detached,
                _ => false,
            };
            if !allowed {
                violations.push(Violation::WrongEnd(label));
            }
            if told_ambiguous && end != "ambiguous" {
                violations.push(Violation::Changed(label));
            }
        }
        Some(Stands::Gone) | None => {
            // A detached success leaves nothing behind, and an unkeyed answer goes with time. Then
            // the callee knows of it, and an answer was told to whoever waited.
            let may_be_gone = !kind.keyed && (answered_by_callee || !kind.detached);
            if call.accepted && !may_be_gone {
                violations.push(Violation::Lost(label));
            }
            if told_ambiguous {
                violations.push(Violation::Lost(label));
            }
        }
    }
    let ambiguous = call.dead.contains(&"ambiguous");
    if ambiguous && (idempotent || !call.answers.is_empty()) || call.dead.len() > 1 {
        violations.push(Violation::WrongEnd(label));
    }
    if let Some(Stands::Ended { end, .. }) = call.stands
        && matches!(end.as_str(), "ambiguous" | "dead")
        && call.dead != [end.as_str()]
    {
        violations.push(Violation::Lost(label));
    }
    violations
}

/// Claims: once somebody else has a call, its former owner is not heard any more.
pub(super) fn of_claims(workers: &[At<Handled>]) -> Vec<Violation> {
    let mut claims: HashMap<&str, Vec<Claimed<'_>>> = HashMap::new();
    for entry in workers {
        if let Handled::Claimed { call, owner, delivery } = &entry.event {
            let claimed = Claimed { us: entry.us, owner, delivery: *delivery };
            claims.entry(call).or_default().push(claimed);
        }
    }
    let stale = workers.iter().filter_map(|entry| {
        let Handled::Finished { call, owner, delivery, heard: true, began_us } = &entry.event
        else {
            return None;
        };
        // The latest claim that its owner had in hand before this end was offered.
        let claims = claims.get(call.as_str()).into_iter().flatten();
        let holder = claims.filter(|claim| claim.us < *began_us).max_by_key(|claim| claim.us)?;
        let is_holder = holder.owner == owner && holder.delivery == *delivery;
        (!is_holder).then(|| Violation::Stale(call.clone()))
    });
    stale.collect()
}

/// A claim, as its owner had it in hand.
struct Claimed<'a> {
    us: u64,
    owner: &'a str,
    delivery: u64,
}

/// Dead letters: counted as they are listed.
pub(super) fn of_dead_letters(store: &Dump) -> Vec<Violation> {
    if store.dead_counted == store.dead.len() as u64 { vec![] } else { vec![Violation::Miscounted] }
}
