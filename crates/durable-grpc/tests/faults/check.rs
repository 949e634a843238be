//! What must be true of every story. Pure: histories in, violations out.

mod facts;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::facts::Call;
use crate::history::{Histories, Label};

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Violation {
    /// The callee executed what nobody had submitted.
    Ghost(Label),
    /// An effect happened more often than the method allows.
    Repeated(Label),
    /// A call was executed before its time.
    Early(Label),
    /// One key named two calls, or an effect belongs to another call than the caller was told.
    TwoCalls(Label),
    /// An answer that the callee gave to another call.
    Misdelivered(Label),
    /// An answer that the callee never gave.
    Forged(Label),
    /// Two answers to one call.
    Changed(Label),
    /// The same bytes under their key were called other bytes.
    Mismatch(Label),
    /// Said not to be accepted, and executed.
    Denied(Label),
    /// Accepted, and then neither answered nor kept.
    Lost(Label),
    /// Still on its way, although nothing holds it up any more.
    Pending(Label),
    /// Ended as its policy does not let it end.
    WrongEnd(Label),
    /// A caller waited in vain for a call that had ended.
    Unheard(Label),
    /// An owner was heard about a call that somebody else had claimed since.
    Stale(String),
    /// The figures of the lane do not count its dead letters.
    Miscounted,
}

/// Every promise that a story broke. None: it is proven from the histories that all were kept.
pub(crate) fn check(histories: &Histories) -> Vec<Violation> {
    let calls = facts::gather(histories);
    let given = givers(&calls);
    let mut violations = Vec::new();
    for (label, call) in &calls {
        violations.extend(rules::of_effects(*label, call));
        violations.extend(rules::of_answers(*label, call, &given));
        violations.extend(rules::of_statuses(*label, call));
        violations.extend(rules::of_the_end(*label, call));
    }
    violations.extend(rules::of_claims(&histories.workers));
    violations.extend(rules::of_dead_letters(&histories.store));
    violations
}

/// Which call each answer was given to.
fn givers<'a>(calls: &BTreeMap<Label, Call<'a>>) -> BTreeMap<&'a str, Label> {
    let given = calls.iter().flat_map(|(label, call)| {
        call.effects.iter().filter_map(|(_, effect)| Some((effect.answer.as_deref()?, *label)))
    });
    given.collect()
}
