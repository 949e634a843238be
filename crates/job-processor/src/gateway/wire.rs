//! What clients send and get. Field names and events are part of the interface.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a client says of itself when it connects.
#[derive(Deserialize)]
pub(crate) struct Handshake {
    /// A host's, a merchant's or the administrator's token.
    pub(crate) token: Option<String>,
}

/// `join`
#[derive(Debug, Deserialize)]
pub(crate) struct Join {
    /// Such as `giveaway:gvw_…`.
    pub(crate) room: String,
    /// The number of the last event that the client has seen, if it was there before.
    pub(crate) seq: Option<i64>,
}

/// `leave`
#[derive(Debug, Deserialize)]
pub(crate) struct Leave {
    /// The room.
    pub(crate) room: String,
}

/// The answer to `join` and `leave`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    /// It is in.
    Joined(Joined),
    /// It is out.
    Left {
        /// True.
        ok: bool,
    },
    /// It is not.
    Refused {
        /// False.
        ok: bool,
        /// Why.
        error: Refusal,
    },
}

/// How far the room is, now that what was missed was sent.
#[derive(Debug, Serialize)]
pub(crate) struct Joined {
    /// True.
    pub(crate) ok: bool,
    /// The room.
    pub(crate) room: String,
    /// The number of the room's last event. Whatever was missed up to it was sent before this.
    pub(crate) seq: i64,
    /// Too much was missed: what is known must be read anew, and events go on after `seq`.
    pub(crate) reset: bool,
    /// Everything volatile.
    pub(crate) snapshot: Snapshot,
}

/// Why a room cannot be joined.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Refusal {
    /// For programs.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) detail: String,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl From<Refusal> for Answer {
    fn from(error: Refusal) -> Self {
        Self::Refused { ok: false, error }
    }
}

/// What happened, under its own name, such as `phase` or `draw.winner`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Happened {
    /// The room.
    pub(crate) room: String,
    /// Its number there: from 1, without holes. Whoever has seen a number has seen all before it.
    pub(crate) seq: i64,
    /// When, Unix milliseconds.
    pub(crate) at_ms: i64,
    /// What there is to know about it.
    pub(crate) data: Value,
}

/// `snapshot`: everything volatile in a room, as of now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Snapshot {
    /// The room.
    pub(crate) room: String,
    /// The number of its last event.
    pub(crate) seq: i64,
    /// The owner's clock, Unix milliseconds: to count down with.
    pub(crate) server_time_ms: i64,
    /// What the owner says.
    #[serde(flatten)]
    pub(crate) state: Map<String, Value>,
}

/// `reset`: what came next is not known any more. What is known must be read anew, and events go on after
/// `seq`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reset<'a> {
    /// The room.
    pub(crate) room: &'a str,
    /// Where it goes on.
    pub(crate) seq: i64,
}

/// `resync`: the client was too slow and is in this room no more. It is to join again, with the number of the
/// last event that it has seen.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Resync<'a> {
    /// The room.
    pub(crate) room: &'a str,
}

/// `left`: the client may not be in this room any more.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Left<'a> {
    /// The room.
    pub(crate) room: &'a str,
    /// Why.
    pub(crate) code: &'static str,
}

/// `draining`: this gateway ends. The client is to connect again after a moment of its own choice, so that not
/// all come at once.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Draining {
    /// The longest that it may take; then it is cut off.
    pub(crate) within_ms: u32,
}
