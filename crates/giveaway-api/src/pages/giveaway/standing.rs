//! Where a giveaway stands, in a label and a sentence.

use crate::{
    actions::present_giveaway::Presented,
    domain::giveaway::GiveawayState,
    pages::wording::{Time, length, until},
};

/// The first thing a visitor reads.
pub(in crate::pages) struct Standing {
    /// The colour: `open`, `wait`, `done` or `over`. The label says the same in words.
    pub(in crate::pages) tone: &'static str,
    pub(in crate::pages) label: &'static str,
    /// What comes before the time.
    pub(in crate::pages) text: String,
    pub(in crate::pages) time: Option<Time>,
    /// How long that is from now.
    pub(in crate::pages) until: Option<String>,
}

pub(in crate::pages) fn standing(presented: &Presented) -> Standing {
    use GiveawayState as S;
    let giveaway = &presented.giveaway;
    let now = giveaway.server_time;
    let at = |tone, label, text: &str, time: Option<jiff::Timestamp>| Standing {
        tone,
        label,
        text: text.to_owned(),
        time: time.map(Time::from),
        until: time.and_then(|time| until(now, time)),
    };
    match giveaway.state {
        S::Draft | S::Funding | S::Scheduled => {
            at("wait", "Opens soon", "Entries open on", Some(giveaway.opens_at.timestamp()))
        }
        S::Open if presented.takes_entries => at(
            "open",
            "Open for entries",
            "You can enter until",
            Some(giveaway.closes_at.timestamp()),
        ),
        S::Open | S::Closed => at(
            "wait",
            "Entries are closed",
            "They are reviewed now, and frozen on",
            giveaway.freeze_at,
        ),
        S::Committed => {
            let text = "The entries are frozen and committed to. Winners are drawn on";
            at("wait", "Ready for the draw", text, Some(giveaway.draw_at.timestamp()))
        }
        S::Drawn => {
            let time = length(giveaway.rules.claim_seconds.into());
            let text = format!("The winners were written to and have {time} to claim their prize.");
            at("done", "Winners are drawn", &text, None)
        }
        S::Completed => {
            at("done", "Completed", "Every prize was delivered or went back to the host.", None)
        }
        S::Cancelling | S::Cancelled => {
            let text = "There will be no draw. The reserved prize funds go back to the host.";
            at("over", "Called off", text, None)
        }
    }
}
