//! Typed ids: a UUIDv7 with a prefix that tells what it names, so that a card id is never taken for
//! an escrow id, neither by the compiler nor by a person reading a log.

use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not an id of the form {prefix}_ followed by 32 hexadecimal digits")]
pub struct BadId {
    /// What was given.
    pub given: String,
    /// The prefix that this kind of id has.
    pub prefix: &'static str,
}

/// Defines id types: `ids! { /// A giveaway. GiveawayId = "gvw"; }`.
///
/// Each is `Copy`, made by `new()` (UUIDv7: time-ordered, which keeps indexes dense), shown and
/// parsed as `gvw_0198…` (32 hexadecimal digits), and kept in the database as the bare UUID.
#[macro_export]
macro_rules! ids {
    ($($(#[doc = $doc:literal])* $name:ident = $prefix:literal;)+) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $crate::id::Uuid);

        impl $name {
            /// What its text form begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, later than all before it.
            pub fn new() -> Self {
                Self($crate::id::Uuid::now_v7())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}_{}", $prefix, self.0.simple())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::id::BadId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::id::parse($prefix, text).map(Self)
            }
        }

        impl $crate::id::serde::Serialize for $name {
            fn serialize<S: $crate::id::serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> $crate::id::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::id::serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err($crate::id::serde::de::Error::custom)
            }
        }

        impl From<$name> for $crate::id::Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl $crate::id::utoipa::PartialSchema for $name {
            fn schema() -> $crate::id::utoipa::openapi::RefOr<$crate::id::utoipa::openapi::Schema> {
                $crate::id::schema($prefix, concat!($($doc),*))
            }
        }

        impl $crate::id::utoipa::ToSchema for $name {}
    )+};
}

#[doc(hidden)]
pub use {serde, utoipa, uuid::Uuid};

/// How an id looks in an API's document.
pub fn schema(prefix: &str, what: &str) -> RefOr<Schema> {
    let example = format!("{prefix}_0198f6d2c1f07b6a8d5f4f2f0c7a9e31");
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(format!("^{prefix}_[0-9a-f]{{32}}$")))
        .description(Some(what.trim()))
        .examples([example]);
    RefOr::T(schema.into())
}

/// Parses `prefix_` + 32 hexadecimal digits.
///
/// # Errors
/// [`BadId`], which names the form that was expected.
pub fn parse(prefix: &'static str, text: &str) -> Result<Uuid, BadId> {
    text.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .filter(|hex| hex.len() == 32)
        .and_then(|hex| Uuid::try_parse(hex).ok())
        .ok_or_else(|| BadId { given: text.chars().take(80).collect(), prefix })
}

#[cfg(test)]
mod tests {
    ids! {
        /// A thing.
        ThingId = "thg";
    }

    #[test]
    fn shows_and_parses() {
        let id = ThingId::new();
        assert_eq!(id.to_string().parse::<ThingId>().unwrap(), id);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<ThingId>(&json).unwrap(), id);
    }

    #[test]
    fn refuses_other_forms() {
        for bad in [
            "",
            "thg_",
            "crd_0198c0c0c0c070008000000000000000",
            "0198c0c0c0c070008000000000000000",
            "thg_0198c0c0-c0c0-7000-8000-000000000000",
            "thg_0198c0c0c0c07000800000000000000g",
        ] {
            assert!(bad.parse::<ThingId>().is_err(), "{bad}");
        }
    }
}
