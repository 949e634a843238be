//! What is told to those who watch: every event of the rooms `giveaway:…` and `host:…`, named once.
//!
//! Nothing in a giveaway's room is personal: winners are leaves, as on its public page.

use contracts::room::Kind;
use draw::{fixed::LeafId, manifest::Manifest, transcript::BeaconRecord};
use jiff::Timestamp;
use platform::rooms::Event;
use serde_json::{Value, json};

use super::{giveaway::GiveawayState, winner::WinnerState};
use crate::ids::{GiveawayId, HostId, UnitId};

/// Whose news it is, and when it happened.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The giveaway.
    pub giveaway: GiveawayId,
    /// When.
    pub at: Timestamp,
}

/// `phase`: a giveaway went from one state to the next. Its own room is told once it is public.
pub fn phase(about: About, host: HostId, from: GiveawayState, to: GiveawayState) -> Vec<Event> {
    let data = json!({ "giveaway": about.giveaway, "from": from, "to": to });
    let hosts = Event {
        room: Kind::Host.room(host),
        name: "phase",
        data: data.clone(),
        at_ms: about.at.as_millisecond(),
    };
    let public = to.is_public().then(|| event(about, "phase", data));
    public.into_iter().chain([hosts]).collect()
}

/// `draw.committed`: the entries are frozen, and this is what was committed to.
pub fn committed(about: About, manifest: &Manifest) -> Event {
    let data = json!({
        "manifest_hash": manifest.hash(),
        "round": manifest.round,
        "entries": manifest.leaves,
    });
    event(about, "draw.committed", data)
}

/// `draw.beacon`, `draw.winner` for each prize in the order drawn, `draw.completed`.
pub fn drawn(about: About, record: &BeaconRecord, winners: &[(UnitId, LeafId)]) -> Vec<Event> {
    let beacon = json!({ "round": record.round, "signature": record.signature });
    let winner = |(place, (unit, leaf)): (usize, &(UnitId, LeafId))| {
        event(about, "draw.winner", json!({ "place": place + 1, "unit": unit, "leaf": leaf }))
    };
    let mut events = vec![event(about, "draw.beacon", beacon)];
    events.extend(winners.iter().enumerate().map(winner));
    events.push(event(about, "draw.completed", json!({ "winners": winners.len() })));
    events
}

/// `winner`: who holds a prize has claimed it, or has left it.
pub fn winner(about: About, unit: UnitId, leaf: LeafId, state: WinnerState) -> Event {
    event(about, "winner", json!({ "unit": unit, "leaf": leaf, "state": state }))
}

/// `draw.successor`: a prize passed on.
pub fn successor(about: About, unit: UnitId, leaf: LeafId) -> Event {
    event(about, "draw.successor", json!({ "unit": unit, "leaf": leaf }))
}

fn event(about: About, name: &'static str, data: Value) -> Event {
    let room = Kind::Giveaway.room(about.giveaway);
    Event { room, name, data, at_ms: about.at.as_millisecond() }
}
