//! Byte strings of a fixed length, written in lowercase hexadecimal.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// `N` bytes whose only written form is `2N` lowercase hexadecimal digits. Uppercase is refused:
/// two spellings of one value would let a published document change without its hash changing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex<const N: usize>(pub [u8; N]);

/// A SHA-256 digest.
pub type Digest = Hex<32>;
/// The random id of a leaf. Random, because an id that follows time would tell when someone entered.
pub type LeafId = Hex<16>;
/// The instance's Ed25519 public key.
pub type PublicKey = Hex<32>;
/// An Ed25519 signature.
pub type Signature = Hex<64>;
/// The public key of a beacon: a compressed point of BLS12-381's G2.
pub type BeaconKey = Hex<96>;
/// A round's signature: a compressed point of BLS12-381's G1.
pub type BeaconSignature = Hex<48>;

/// The 32 random bytes that hide an address inside a commitment. Whoever knows them can test
/// guesses of the address, so they are not shown in debug output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

impl Digest {
    /// 32 zero bytes: "no manifest before this one".
    pub const ZERO: Self = Self([0; 32]);
}

/// SHA-256 over the concatenation of `parts`.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Digest {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Hex(hasher.finalize().into())
}

/// Why a text is not a value of this length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {digits} lowercase hexadecimal digits")]
pub struct HexError {
    digits: usize,
}

impl<const N: usize> FromStr for Hex<N> {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        decode(text).map(Self).ok_or(HexError { digits: 2 * N })
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> AsRef<[u8]> for Hex<N> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> From<[u8; N]> for Hex<N> {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes)
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_hex(&self.0, serializer)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_hex(deserializer).map(Self)
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_hex(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_hex(deserializer).map(Self)
    }
}

pub(crate) fn serialize_hex<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&hex::encode(bytes))
}

pub(crate) fn deserialize_hex<'de, D: Deserializer<'de>, const N: usize>(
    deserializer: D,
) -> Result<[u8; N], D::Error> {
    struct HexVisitor<const N: usize>;

    impl<const N: usize> Visitor<'_> for HexVisitor<N> {
        type Value = [u8; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{} lowercase hexadecimal digits", 2 * N)
        }

        // A visitor rather than a borrowed string: a transcript of ten million leaves is read
        // from a stream, where nothing can be borrowed and a string per leaf would be wasted.
        fn visit_str<E: de::Error>(self, text: &str) -> Result<[u8; N], E> {
            decode(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }

    deserializer.deserialize_str(HexVisitor)
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lowercase_form_of_the_right_length_is_read() {
        fn check(text: &str, expected: Option<[u8; 2]>) {
            assert_eq!(text.parse::<Hex<2>>().ok(), expected.map(Hex), "{text:?}");
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::from_str::<Hex<2>>(&json).ok(), expected.map(Hex), "{json}");
        }
        check("00ff", Some([0, 255]));
        check("00fF", None);
        check("00f", None);
        check("00ff00", None);
        check("0x0f", None);
        check(" 00ff", None);
        check("", None);
        check("é0f", None);
    }

    #[test]
    fn the_written_form_is_read_back() {
        let value = Hex([0xab, 0x01, 0x00]);
        assert_eq!(value.to_string(), "ab0100");
        assert_eq!(value.to_string().parse(), Ok(value));
    }

    #[test]
    fn a_salt_is_not_shown_in_debug_output() {
        assert_eq!(format!("{:?}", Salt([7; 32])), "Salt(…)");
    }

    #[test]
    fn the_parts_of_a_hash_are_concatenated() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&[b"a", b"", b"bc"]).to_string(), expected);
    }
}
