//! The histories, sorted by call.

use std::collections::BTreeMap;

use crate::{
    history::{Executed, Failure, Histories, Label, Stands, Told},
    plan::Kind,
};

/// All that is known about one call.
#[derive(Debug, Default)]
pub(super) struct Call<'a> {
    /// What it was meant to be; `None` for a call that nobody submitted.
    pub(super) kind: Option<Kind>,
    /// When it was submitted, each time.
    pub(super) submitted_us: Vec<u64>,
    /// The ids it was known by, to whomever.
    pub(super) ids: Vec<&'a str>,
    /// Somebody was told that it is persisted.
    pub(super) accepted: bool,
    /// The answers that were told, in their order, and the one the store keeps.
    pub(super) answers: Vec<&'a str>,
    /// What was told instead, and when.
    pub(super) failures: Vec<(u64, &'a Failure)>,
    /// What the callee did, and when.
    pub(super) effects: Vec<(u64, &'a Executed)>,
    /// Where it stands in the end, if the caller could still name it.
    pub(super) stands: Option<&'a Stands>,
    /// The ends of its dead letters.
    pub(super) dead: Vec<&'a str>,
}

pub(super) fn gather(histories: &Histories) -> BTreeMap<Label, Call<'_>> {
    let mut calls: BTreeMap<Label, Call<'_>> = BTreeMap::new();
    for entry in &histories.caller {
        match &entry.event {
            Told::Submitted { label, kind } => {
                let call = calls.entry(*label).or_default();
                call.kind = Some(*kind);
                call.submitted_us.push(entry.us);
            }
            Told::Accepted { label, call: id } => {
                let call = calls.entry(*label).or_default();
                call.accepted = true;
                call.ids.push(id);
            }
            Told::Answered { label, call: id, answer } => {
                let call = calls.entry(*label).or_default();
                call.accepted = true;
                call.ids.push(id);
                call.answers.push(answer);
            }
            Told::Failed { label, call: id, failure } => {
                let call = calls.entry(*label).or_default();
                // A wait that ended before the submission did knows only the id that it proposed.
                if failure.end.is_some() {
                    call.ids.extend(id.as_deref());
                }
                call.failures.push((entry.us, failure));
            }
        }
    }
    for entry in &histories.callee {
        let call = calls.entry(entry.event.label).or_default();
        call.ids.push(&entry.event.call);
        call.effects.push((entry.us, &entry.event));
    }
    for kept in &histories.store.calls {
        let call = calls.entry(kept.label).or_default();
        call.ids.extend(kept.call.as_deref());
        call.stands = Some(&kept.stands);
        if let Stands::Ended { end, answer: Some(answer) } = &kept.stands
            && end == "answered"
        {
            call.answers.push(answer);
        }
    }
    for dead in &histories.store.dead {
        let call = calls.entry(dead.label).or_default();
        call.ids.push(&dead.call);
        call.dead.push(&dead.end);
    }
    calls
}
