//! The ids of draws and prize units: UUIDs in their hyphenated lowercase form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The id of a draw.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DrawId(pub Uuid);

/// The id of a prize unit: one prize that one winner gets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitId(pub Uuid);

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a uuid in its hyphenated lowercase form")]
pub struct IdError;

/// The UUID parser takes capitals, braces and a form without hyphens; one value must have one
/// written form here, so anything else is refused.
fn parse(text: &str) -> Result<Uuid, IdError> {
    let id = Uuid::parse_str(text).map_err(|_| IdError)?;
    let mut written = [0; uuid::fmt::Hyphenated::LENGTH];
    if id.hyphenated().encode_lower(&mut written) == text { Ok(id) } else { Err(IdError) }
}

macro_rules! written_as_uuid {
    ($id:ident) => {
        impl $id {
            /// The 16 bytes that enter hashes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl From<Uuid> for $id {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl FromStr for $id {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse(text).map(Self)
            }
        }

        impl TryFrom<String> for $id {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.to_string()
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

written_as_uuid!(DrawId);
written_as_uuid!(UnitId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_lowercase_form_is_read() {
        fn check(text: &str, accepted: bool) {
            assert_eq!(text.parse::<DrawId>().is_ok(), accepted, "{text}");
        }
        check("9d79b1a3-7f31-401c-911a-6706fb40d6bd", true);
        check("9D79b1a3-7f31-401c-911a-6706fb40d6bd", false);
        check("9d79b1a37f31401c911a6706fb40d6bd", false);
        check("{9d79b1a3-7f31-401c-911a-6706fb40d6bd}", false);
        check("urn:uuid:9d79b1a3-7f31-401c-911a-6706fb40d6bd", false);
        check("", false);
    }
}
