//! Rooms: who watches what. Their names are part of the interface for browsers.

use std::fmt;

use prost::Message as _;

use crate::{processor::PublishRequest, realtime::RoomPosition};

/// Whose room it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Everybody who looks at a giveaway.
    Giveaway,
    /// A host, on everything it runs.
    Host,
    /// A merchant.
    Merchant,
    /// The administrator. There is one such room.
    Admin,
}

impl Kind {
    /// Whether anybody may be in it.
    pub const fn is_public(self) -> bool {
        matches!(self, Self::Giveaway)
    }

    /// The name of the room of this subject.
    pub fn room(self, id: impl fmt::Display) -> String {
        match self {
            Self::Giveaway => format!("giveaway:{id}"),
            Self::Host => format!("host:{id}"),
            Self::Merchant => format!("merchant:{id}"),
            Self::Admin => ADMIN.to_owned(),
        }
    }
}

/// The administrator's room.
pub const ADMIN: &str = "admin";

/// What a room's name says: its kind, and the id of its subject.
pub fn parse(room: &str) -> Option<(Kind, &str)> {
    if room == ADMIN {
        return Some((Kind::Admin, ""));
    }
    let (kind, id) = room.split_once(':')?;
    let kind = match kind {
        "giveaway" => Kind::Giveaway,
        "host" => Kind::Host,
        "merchant" => Kind::Merchant,
        _ => return None,
    };
    Some((kind, id))
}

/// The request that tells gateways how far rooms have got, encoded.
pub fn publication(rooms: impl IntoIterator<Item = (String, i64)>) -> Vec<u8> {
    let position = |(room, seq)| RoomPosition { room, seq };
    PublishRequest { rooms: rooms.into_iter().map(position).collect() }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for kind in [Kind::Giveaway, Kind::Host, Kind::Merchant] {
            assert_eq!(parse(&kind.room("x_1")), Some((kind, "x_1")));
        }
        assert_eq!(parse(&Kind::Admin.room("")), Some((Kind::Admin, "")));
        for none in ["", "admin:", "admin:1", "giveaway", "Giveaway:1", "room:1"] {
            assert_eq!(parse(none).map(|(kind, _)| kind), None, "{none}");
        }
    }
}
