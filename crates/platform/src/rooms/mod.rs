//! What a service has to tell those who watch: one log per room, in the service's own database.
//!
//! An action says what happened with [`Tx::tell`](crate::Tx::tell); it is written as the last thing before
//! the transaction commits, each event with the next number of its room. The room's row is locked by that,
//! so numbers appear in the order of commits and without holes: whoever has seen number *n* has seen
//! everything before it. Rooms are written last and in the order of their names, so that no two
//! transactions wait for each other.
//!
//! That a room has news is said to the gateways by [`announce`]. It is a hint and may be lost: gateways look
//! at the rooms of their clients twice a second anyway.

mod announce;
pub mod entity;
mod log;
mod migration;

pub use announce::announce;
pub(crate) use log::append;
pub use log::{LAST, Page, forget, read};
pub use migration::migration;

use serde_json::Value;

/// Something that happened, for everybody in a room.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The room.
    pub room: String,
    /// What happened, such as `draw.winner`.
    pub name: &'static str,
    /// What there is to know about it. Everybody in the room reads it.
    pub data: Value,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// An event of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its number in its room, from 1 and without holes.
    pub seq: i64,
    /// What happened.
    pub name: String,
    /// What there is to know about it, as JSON.
    pub data: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// What an owner has to say about a room.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomState {
    /// Its name.
    pub room: String,
    /// What happened in it.
    pub page: Page,
    /// Everything volatile.
    pub snapshot: Value,
}

/// How far a room has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The room.
    pub room: String,
    /// The number of its last event; 0 for none.
    pub seq: i64,
}
