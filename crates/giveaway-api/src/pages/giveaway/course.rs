//! The course of a giveaway: what happened, what is next, and when.

use jiff::Timestamp;

use crate::{
    actions::present_giveaway::Presented,
    domain::giveaway::GiveawayState,
    pages::wording::{Time, length},
};

/// One step.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) note: String,
    pub(super) time: Option<Time>,
    pub(super) mark: Mark,
}

/// Where a step is seen from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Done,
    Next,
    Later,
}

impl Mark {
    /// For the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Next => "next",
            Self::Later => "later",
        }
    }

    /// For those who do not see the style.
    pub(super) fn spoken(self) -> &'static str {
        match self {
            Self::Done => "Done:",
            Self::Next => "Next:",
            Self::Later => "Later:",
        }
    }
}

pub(super) fn course(presented: &Presented) -> Vec<Step> {
    let giveaway = &presented.giveaway;
    let claim_time = length(giveaway.rules.claim_seconds.into());
    let beacon =
        if presented.is_rehearsal { "the local test beacon" } else { "the public beacon drand" };
    let at = |time: Timestamp| Some(Time::from(time));
    let steps = [
        ("Entries open", String::new(), at(giveaway.opens_at.timestamp())),
        ("Entries close", String::new(), at(giveaway.closes_at.timestamp())),
        (
            "Entries are frozen",
            "A fingerprint of all of them is published. From then on nobody can add, change or remove one unnoticed.".to_owned(),
            giveaway.freeze_at.and_then(at),
        ),
        (
            "The draw",
            format!("Round {} of {beacon} decides.", giveaway.round),
            at(giveaway.draw_at.timestamp()),
        ),
        (
            "Prizes are claimed",
            format!("Winners are written to and have {claim_time}. What is not claimed passes on to an alternate."),
            None,
        ),
    ];
    let done = steps_done(giveaway.state, presented.takes_entries);
    let marked = steps.into_iter().enumerate().map(|(place, (name, note, time))| {
        let mark = match place.cmp(&done) {
            std::cmp::Ordering::Less => Mark::Done,
            std::cmp::Ordering::Equal => Mark::Next,
            std::cmp::Ordering::Greater => Mark::Later,
        };
        Step { name, note, time, mark }
    });
    marked.collect()
}

fn steps_done(state: GiveawayState, takes_entries: bool) -> usize {
    use GiveawayState as S;
    match state {
        S::Draft | S::Funding | S::Scheduled | S::Cancelling | S::Cancelled => 0,
        S::Open if takes_entries => 1,
        S::Open | S::Closed => 2,
        S::Committed => 3,
        S::Drawn => 4,
        S::Completed => 5,
    }
}
