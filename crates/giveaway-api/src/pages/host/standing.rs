//! Where a giveaway stands and what comes next, as its host reads it.

use jiff::Timestamp;

use super::super::wording::Time;
use crate::{actions::show_giveaway::GiveawaySummary, domain::giveaway::GiveawayState};

/// A state in words.
pub(super) struct Standing {
    /// The colour; the label says the same in words.
    pub(super) tone: &'static str,
    pub(super) label: &'static str,
    /// What comes next.
    pub(super) next: &'static str,
    /// When that is.
    pub(super) time: Option<Time>,
}

/// The times of a giveaway.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) opens_at: Option<Timestamp>,
    pub(super) closes_at: Timestamp,
    pub(super) freeze_at: Option<Timestamp>,
    pub(super) draw_at: Option<Timestamp>,
}

impl From<&GiveawaySummary> for Times {
    fn from(giveaway: &GiveawaySummary) -> Self {
        let GiveawaySummary { opens_at, closes_at, draw_at, .. } = *giveaway;
        Self { opens_at, closes_at, freeze_at: None, draw_at }
    }
}

pub(super) fn standing(state: GiveawayState, times: Times) -> Standing {
    use GiveawayState as S;
    let at = |tone, label, next, time: Option<Timestamp>| Standing {
        tone,
        label,
        next,
        time: time.map(Time::from),
    };
    match state {
        S::Draft => {
            at("wait", "Draft", "Review it and publish it; it closes on", Some(times.closes_at))
        }
        S::Funding => at("wait", "Being funded", "Every prize is being set aside", None),
        S::Scheduled => at("wait", "Funded", "Opens for entries on", times.opens_at),
        S::Open => at("open", "Open", "Takes entries until", Some(times.closes_at)),
        S::Closed if times.freeze_at.is_some() => {
            at("wait", "Closed", "Entries are frozen on", times.freeze_at)
        }
        S::Closed => at("wait", "Closed", "Winners are drawn on", times.draw_at),
        S::Committed => at("wait", "Frozen", "Winners are drawn on", times.draw_at),
        S::Drawn => at("done", "Drawn", "Winners are claiming their prizes", None),
        S::Completed => at("done", "Completed", "Nothing: every prize found its way", None),
        S::Cancelling => {
            at("over", "Being cancelled", "Prizes are coming back to your wallet", None)
        }
        S::Cancelled => {
            at("over", "Cancelled", "Nothing: every prize is back in your wallet", None)
        }
    }
}
