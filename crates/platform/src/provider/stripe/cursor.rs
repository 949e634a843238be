//! Where a listing stands. Stripe has no list of objects by their last change, so the port's promise
//! is kept by two lists one after the other:
//!
//! 1. **Objects**: all of them, as they are now, newest first. Before the first page the newest
//!    event is marked. What is created or changed meanwhile has an event after the mark.
//! 2. **Events** after the mark, oldest first, for ever; each changed object is fetched anew.
//!
//! Stripe keeps events for 30 days (page "List all events"). A cursor whose event is gone, because
//! nobody listed for that long or a backup was restored, begins again with the objects: more work,
//! and nothing is missed. Consumers are idempotent.

use std::{fmt, str::FromStr};

/// Where a listing stands; its text is the port's cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cursor {
    /// The objects after this one in Stripe's order, which are older.
    Objects {
        /// The newest event when the listing began; none when there was no event.
        mark: Option<String>,
        /// The last object that was listed.
        last: String,
    },
    /// The events since this one; all there are, when there was none.
    Events {
        /// The last event that was taken into account.
        after: Option<String>,
    },
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = |id: &Option<String>| id.clone().unwrap_or_default();
        match self {
            Self::Objects { mark, last } => write!(f, "objects:{}:{last}", id(mark)),
            Self::Events { after } => write!(f, "events:{}", id(after)),
        }
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let id = |id: &str| (!id.is_empty()).then(|| id.to_owned());
        match text.split(':').collect::<Vec<_>>()[..] {
            ["objects", mark, last] if !last.is_empty() => {
                Ok(Self::Objects { mark: id(mark), last: last.to_owned() })
            }
            ["events", after] => Ok(Self::Events { after: id(after) }),
            _ => Err(NotACursor),
        }
    }
}

/// A text that is no cursor of this adapter, for example one of another provider.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotACursor;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_being_written_down() {
        let some = |text: &str| Some(text.to_owned());
        for cursor in [
            Cursor::Objects { mark: None, last: "tr_1".to_owned() },
            Cursor::Objects { mark: some("evt_1"), last: "tr_1".to_owned() },
            Cursor::Events { after: None },
            Cursor::Events { after: some("evt_1") },
        ] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for other in ["", "17", "evt_1", "objects::", "objects:evt_1", "events:a:b"] {
            assert_eq!(other.parse::<Cursor>(), Err(NotACursor), "{other}");
        }
    }
}
