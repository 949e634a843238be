//! Prizes, and from the draw on who holds them: by leaf, since names are nobody's business.

use std::collections::HashMap;

use draw::succession::{Departure, Succession};
use uuid::Uuid;

use crate::{
    actions::{present_giveaway::Presented, public_giveaway::PublicWinner},
    domain::winner::WinnerState,
    pages::wording::{Time, price},
};

/// Holders on the page at most; a giveaway of thousands of prizes has them all in its transcript.
const HOLDERS_SHOWN_MAX: usize = 200;

/// All prizes.
pub(super) struct Prizes {
    pub(super) lines: Vec<Line>,
    pub(super) is_drawn: bool,
    /// Holders that are only in the transcript.
    pub(super) unseen: usize,
}

/// So many prizes of one kind.
pub(super) struct Line {
    pub(super) count: u32,
    pub(super) name: String,
    pub(super) merchant: String,
    pub(super) value: String,
    pub(super) holders: Vec<Holder>,
}

/// Who holds one prize.
pub(super) struct Holder {
    /// Nobody when nobody was left who could.
    pub(super) leaf: Option<String>,
    pub(super) state: &'static str,
    pub(super) tone: &'static str,
    /// Who held it before.
    pub(super) before: Vec<Before>,
}

/// Somebody who held a prize and does not any more.
pub(super) struct Before {
    pub(super) leaf: String,
    pub(super) why: String,
    pub(super) at: Time,
}

pub(super) fn prizes(presented: &Presented) -> Prizes {
    let giveaway = &presented.giveaway;
    let mut before: HashMap<Uuid, Vec<Before>> = HashMap::new();
    for succession in &presented.successions {
        before.entry(succession.unit.0).or_default().push(left(succession));
    }
    // Both the lines and the winners follow the order of the units in the rules.
    let mut winners = giveaway.winners.iter().flatten();
    let mut room = HOLDERS_SHOWN_MAX;
    let mut lines = Vec::with_capacity(giveaway.prizes.len());
    for prize in &giveaway.prizes {
        let mut holders = Vec::new();
        for winner in winners.by_ref().take(prize.count as usize) {
            if room > 0 {
                room -= 1;
                holders.push(holder(winner, before.remove(&winner.unit.0).unwrap_or_default()));
            }
        }
        lines.push(Line {
            count: prize.count,
            name: prize.description.clone(),
            merchant: prize.merchant.clone(),
            value: price(prize.value.minor, prize.value.currency.as_str()),
            holders,
        });
    }
    let all = giveaway.winners.as_ref().map_or(0, Vec::len);
    Prizes {
        lines,
        is_drawn: giveaway.winners.is_some(),
        unseen: all.saturating_sub(HOLDERS_SHOWN_MAX),
    }
}

fn holder(winner: &PublicWinner, before: Vec<Before>) -> Holder {
    use WinnerState as S;
    let leaf = winner.leaf.map(|leaf| leaf.to_string());
    match winner.state {
        Some(S::Selected) => Holder { leaf, state: "not claimed yet", tone: "wait", before },
        Some(S::Claimed) => Holder { leaf, state: "claimed", tone: "done", before },
        // The last holder left, and no alternate was there to follow.
        Some(S::Lapsed | S::Declined | S::Disqualified) | None => Holder {
            leaf: None,
            state: "nobody was left to win it; its value goes back to the host",
            tone: "over",
            before,
        },
    }
}

fn left(succession: &Succession) -> Before {
    let why = match (succession.reason, &succession.ground) {
        (Departure::Lapsed, _) => "did not claim in time".to_owned(),
        (Departure::Declined, _) => "declined".to_owned(),
        (Departure::Disqualified, None) => "was disqualified".to_owned(),
        (Departure::Disqualified, Some(ground)) => {
            format!("was disqualified: {}", ground.as_str().replace('_', " "))
        }
    };
    Before { leaf: succession.from.to_string(), why, at: succession.at.timestamp().into() }
}
