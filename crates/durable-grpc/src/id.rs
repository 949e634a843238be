//! The identity of a call.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// Names one durable call: a UUIDv7, so that ids sort by the time of submission and a store appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(Uuid);

impl CallId {
    /// A new id, later than every id this process has made.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The sixteen bytes of the id, in the order in which ids sort.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id behind these sixteen bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    pub(crate) fn header_value(self) -> http::HeaderValue {
        let mut text = Uuid::encode_buffer();
        let text = self.0.hyphenated().encode_lower(&mut text);
        http::HeaderValue::from_str(text).unwrap_or_else(|_| http::HeaderValue::from_static("-"))
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The text is not a call id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("call id is not a uuid: {0}")]
pub struct InvalidCallId(String);

impl FromStr for CallId {
    type Err = InvalidCallId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self).map_err(|error| InvalidCallId(error.to_string()))
    }
}
