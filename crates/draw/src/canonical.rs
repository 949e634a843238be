//! The canonical form of JSON (RFC 8785), and the hash of a document in it.

use serde::Serialize;

use crate::fixed::{Digest, sha256};

/// The largest integer that RFC 8785 writes exactly, because its numbers are IEEE 754 doubles.
/// Documents that are hashed keep their numbers at or below it, or write them as strings.
pub const MAX_EXACT_INTEGER: u64 = (1 << 53) - 1;

/// The canonical bytes of a document: members sorted, no white space, one form per value.
///
/// # Panics
/// If the document's own `Serialize` fails, which none in this crate does.
#[must_use]
pub fn canonical_bytes<T: Serialize>(document: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(document).expect("our documents always serialize")
}

/// SHA-256 of the canonical bytes.
#[must_use]
pub fn canonical_hash<T: Serialize>(document: &T) -> Digest {
    sha256(&[&canonical_bytes(document)])
}

/// A `u64` written as a string of decimal digits, for numbers that may exceed
/// [`MAX_EXACT_INTEGER`]; without sign, leading zeros or white space.
pub(crate) mod decimal {
    use serde::de::{Deserialize, Deserializer, Error, Unexpected};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse::<u64>()
            .ok()
            .filter(|value| value.to_string() == text)
            .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &"a decimal number"))
    }
}

/// For optional members that must be written even when they are `null`: with this, a missing
/// member is an error, so a document has one form only.
pub(crate) fn required_option<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    serde::Deserialize::deserialize(deserializer)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Amount(#[serde(with = "decimal")] u64);

    #[test]
    fn members_are_sorted_and_nothing_is_spaced() {
        let document = serde_json::json!({"b": [1, 2], "a": "ä\n", "A": null});
        assert_eq!(
            canonical_bytes(&document),
            "{\"A\":null,\"a\":\"ä\\n\",\"b\":[1,2]}".as_bytes()
        );
    }

    #[test]
    fn decimal_strings_have_one_form() {
        fn check(json: &str, expected: Option<u64>) {
            assert_eq!(serde_json::from_str(json).ok(), expected.map(Amount), "{json}");
        }
        check(r#""0""#, Some(0));
        check(r#""18446744073709551615""#, Some(u64::MAX));
        check(r#""18446744073709551616""#, None);
        check(r#""01""#, None);
        check(r#""+1""#, None);
        check(r#""""#, None);
        check("1", None);
    }
}
