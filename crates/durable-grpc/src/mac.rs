//! The seal that a caller puts on a call, so that a callee can tell it from one that somebody wrote
//! into the store or sent to the port.
//!
//! HMAC-SHA256 (RFC 2104) over lane, method, identity and SHA-256 of the message, each behind its
//! length, so that no byte can move from one field into the next.
//!
//! # Identity
//! What a call is identified by differs. A call **with a key** is the key: when its key ran before, it
//! keeps the id of the first submission, which whoever seals it now cannot know. So the seal covers
//! the key and not the id, and two submissions of the same call have the same seal. A call **without
//! a key** is its id, which never changes, so the seal covers the id. Either way, whoever copies a
//! sealed call only repeats it under its own identity, which is what an at-least-once callee expects
//! anyway.
//!
//! # What is not covered
//! Forwarded metadata, the trace context, attempt numbers and times. Nothing may be permitted or
//! priced by them.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::id::CallId;

const DOMAIN: &[u8] = b"durable-grpc/call/v1";
const ID_DOMAIN: &[u8] = b"durable-grpc/mac-key-id/v1";
/// Enough to tell a handful of keys apart. Two keys of one id are both tried.
const ID_BYTES: usize = 4;

/// The secret that callers and callees share. Workers need it not: they pass seals on.
///
/// To change the key, let every callee accept both, then let callers seal with the new one, and drop
/// the old one when the last call that was sealed with it has ended.
#[derive(Clone)]
pub struct MacKey {
    id: String,
    keyed: Hmac<Sha256>,
}

/// What a seal covers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Covered<'a> {
    pub(crate) lane: &'a str,
    pub(crate) method: &'a str,
    pub(crate) identity: Identity<'a>,
    pub(crate) hash: &'a [u8; 32],
}

/// By what a call is identified.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Identity<'a> {
    Key(&'a str),
    Call(CallId),
}

impl<'a> Identity<'a> {
    pub(crate) fn of(key: Option<&'a str>, id: CallId) -> Self {
        key.map_or(Self::Call(id), Self::Key)
    }
}

impl MacKey {
    /// A key of 32 bytes, random or derived from random ones.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        let id = Sha256::new().chain_update(ID_DOMAIN).chain_update(secret).finalize();
        let keyed = Hmac::new_from_slice(&secret).expect("HMAC takes keys of any length");
        Self { id: hex::encode(&id[..ID_BYTES]), keyed }
    }

    /// The public name of the key. It tells which key sealed a call, without telling the key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The seal of a call: the key's id, a dot, the code.
    pub(crate) fn seal(&self, covered: &Covered<'_>) -> HeaderValue {
        let text = format!("{}.{}", self.id, hex::encode(self.code(covered)));
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }

    fn code(&self, covered: &Covered<'_>) -> [u8; 32] {
        let (kind, identity): (&[u8], &[u8]) = match &covered.identity {
            Identity::Key(key) => (b"key", key.as_bytes()),
            Identity::Call(id) => (b"id", id.as_bytes()),
        };
        let lane = covered.lane.as_bytes();
        let method = covered.method.as_bytes();
        let mut mac = self.keyed.clone();
        for field in [DOMAIN, lane, method, kind, identity, covered.hash] {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacKey({})", self.id)
    }
}

/// A seal as it was received, not yet compared.
#[derive(Debug)]
pub(crate) struct Seal<'a> {
    key_id: &'a str,
    code: [u8; 32],
}

impl<'a> Seal<'a> {
    /// `None` for what no key could have written.
    pub(crate) fn parse(value: &'a HeaderValue) -> Option<Self> {
        let (key_id, digits) = value.to_str().ok()?.split_once('.')?;
        let mut code = [0; 32];
        hex::decode_to_slice(digits, &mut code).ok()?;
        Some(Self { key_id, code })
    }

    /// Whether one of these keys made the seal, for this very call. The time it takes does not tell
    /// how much of a wrong code agrees.
    pub(crate) fn is_of(&self, covered: &Covered<'_>, keys: &[MacKey]) -> bool {
        keys.iter()
            .filter(|key| key.id == self.key_id)
            .any(|key| bool::from(key.code(covered).ct_eq(&self.code)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HASH: [u8; 32] = [7; 32];

    fn covered<'a>(lane: &'a str, method: &'a str, key: &'a str) -> Covered<'a> {
        Covered { lane, method, identity: Identity::Key(key), hash: &HASH }
    }

    fn accepts(keys: &[MacKey], seal: &HeaderValue, covered: &Covered<'_>) -> bool {
        Seal::parse(seal).is_some_and(|seal| seal.is_of(covered, keys))
    }

    #[test]
    fn a_seal_holds_for_its_call_and_no_other() {
        let key = MacKey::new([1; 32]);
        let id = CallId::generate();
        let sealed = covered("till", "/shop.Till/Reserve", "order:1");
        let seal = key.seal(&sealed);
        let keys = [key];
        assert!(accepts(&keys, &seal, &sealed));

        let unkeyed = Covered { identity: Identity::Call(id), ..sealed };
        let of_id = String::from_utf8_lossy(id.as_bytes()).into_owned();
        for (what, other) in [
            ("lane", covered("till2", "/shop.Till/Reserve", "order:1")),
            ("method", covered("till", "/shop.Till/Charge", "order:1")),
            ("key", covered("till", "/shop.Till/Reserve", "order:2")),
            ("no key", unkeyed),
            ("bytes", Covered { hash: &[8; 32], ..sealed }),
            ("a byte from key to method", covered("till", "/shop.Till/Reserveo", "rder:1")),
            ("a byte from method to key", covered("till", "/shop.Till/Reserv", "eorder:1")),
            ("a byte from lane to method", covered("til", "l/shop.Till/Reserve", "order:1")),
            ("an empty key", covered("till", "/shop.Till/Reserveorder:1", "")),
        ] {
            assert!(!accepts(&keys, &seal, &other), "{what}");
        }
        // A key that spells the bytes of an id is still a key.
        let seal = keys[0].seal(&unkeyed);
        assert!(accepts(&keys, &seal, &unkeyed));
        assert!(!accepts(&keys, &seal, &covered("till", "/shop.Till/Reserve", &of_id)));
        let another = Covered { identity: Identity::Call(CallId::generate()), ..sealed };
        assert!(!accepts(&keys, &seal, &another), "an unkeyed call is its id");
    }

    #[test]
    fn the_code_is_what_it_always_was() {
        // Callers and callees of different versions must agree, so this value never changes.
        let key = MacKey::new([1; 32]);
        let seal = key.seal(&covered("till", "/shop.Till/Reserve", "order:1"));
        // Computed by another implementation.
        let expected = "56b0c221.79a5b6989aef9ee533b4c42e873804f4df311deb074256d0cd1b3f0440d8dcb3";
        assert_eq!(seal, expected);
    }

    #[test]
    fn keys_are_changed_without_a_gap() {
        let (old, new) = (MacKey::new([1; 32]), MacKey::new([2; 32]));
        let call = covered("till", "/shop.Till/Reserve", "order:1");
        assert_ne!(old.id(), new.id());
        let both = [new.clone(), old.clone()];
        assert!(accepts(&both, &old.seal(&call), &call));
        assert!(accepts(&both, &new.seal(&call), &call));
        assert!(!accepts(&[new], &old.seal(&call), &call));
        assert!(!accepts(&[], &old.seal(&call), &call));
    }

    #[test]
    fn what_is_no_seal_is_refused() {
        let key = MacKey::new([1; 32]);
        let call = covered("till", "/shop.Till/Reserve", "order:1");
        let seal = key.seal(&call).to_str().unwrap().to_owned();
        let keys = [key];
        for wrong in [
            "",
            ".",
            "-",
            &seal[..seal.len() - 2],
            &seal[9..],
            &format!("{seal}00"),
            &seal.replace('.', ":"),
        ] {
            assert!(!accepts(&keys, &HeaderValue::from_str(wrong).unwrap(), &call), "{wrong}");
        }
    }

    #[test]
    fn debug_output_tells_the_id_only() {
        let key = MacKey::new([7; 32]);
        assert_eq!(format!("{key:?}"), format!("MacKey({})", key.id()));
    }

    proptest! {
        #[test]
        fn no_two_calls_share_a_code(
            one in [".{0,6}", ".{0,6}", ".{0,6}"],
            two in [".{0,6}", ".{0,6}", ".{0,6}"],
        ) {
            let key = MacKey::new([1; 32]);
            let code = |fields: &[String; 3]| key.code(&covered(&fields[0], &fields[1], &fields[2]));
            prop_assert_eq!(code(&one) == code(&two), one == two);
        }

        #[test]
        fn bytes_that_move_between_fields_change_the_code(text in "[a-c]{1,12}", cuts in [0..13usize, 0..13usize, 0..13usize, 0..13usize]) {
            let key = MacKey::new([1; 32]);
            let cut = |from: usize, to: usize| {
                let (from, to) = (from.min(text.len()), to.min(text.len()));
                let (from, to) = (from.min(to), from.max(to));
                [&text[..from], &text[from..to], &text[to..]]
            };
            let (one, two) = (cut(cuts[0], cuts[1]), cut(cuts[2], cuts[3]));
            let code = |fields: [&str; 3]| key.code(&covered(fields[0], fields[1], fields[2]));
            prop_assert_eq!(code(one) == code(two), one == two);
        }
    }
}
