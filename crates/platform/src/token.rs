//! Bearer tokens, of which only the hash is kept, and signed links, of which nothing is kept.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::keys::Key;

/// Random bytes in a bearer token: 256 bits, so that a plain hash is enough at rest.
const TOKEN_BYTES: usize = 32;

/// A fresh bearer token (`hs_test_…` or `hs_live_…`) and the hash under which it is kept. The token
/// is shown once.
pub fn new_bearer(mode: &str) -> (String, [u8; 32]) {
    let mut bytes = [0_u8; TOKEN_BYTES];
    rand::fill(&mut bytes);
    let token = format!("hs_{mode}_{}", URL_SAFE_NO_PAD.encode(bytes));
    let hash = hash_bearer(&token);
    (token, hash)
}

/// The hash under which a bearer token is looked up.
pub fn hash_bearer(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Compares secrets without telling by timing how much of them agrees.
pub fn same_secret(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// HMAC-SHA256 (RFC 2104) over the concatenation of `parts`.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// A link that proves who it was mailed to: an id, a purpose, an expiry and a nonce under a MAC.
/// Minting one stores nothing, so a mail can be rendered again at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Whom or what the link is for.
    pub subject: Uuid,
    /// Tells one link for the same subject from another, for links that work once.
    pub nonce: Uuid,
    /// When the link ends.
    pub expires_at: Timestamp,
}

/// Why a link is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    /// Not made by us, made for another purpose, or damaged.
    #[error("the link is not valid")]
    Invalid,
    /// It was valid until its expiry.
    #[error("the link has expired")]
    Expired,
}

const BODY: usize = 16 + 16 + 8;
const MAC: usize = 16;

/// Mints a link for `purpose` (for example `claim`), valid until `expires_at`.
pub fn mint_link(key: &Key, purpose: &str, subject: Uuid, expires_at: Timestamp) -> String {
    let mut bytes = Vec::with_capacity(BODY + MAC);
    bytes.extend_from_slice(subject.as_bytes());
    bytes.extend_from_slice(Uuid::new_v4().as_bytes());
    bytes.extend_from_slice(&expires_at.as_millisecond().to_be_bytes());
    let mac = link_mac(key, purpose, &bytes);
    bytes.extend_from_slice(&mac);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Opens a link that was minted for the same purpose.
///
/// # Errors
/// [`BadLink`].
pub fn open_link(key: &Key, purpose: &str, text: &str, now: Timestamp) -> Result<Link, BadLink> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| BadLink::Invalid)?;
    let (body, mac) = bytes.split_at_checked(BODY).ok_or(BadLink::Invalid)?;
    if !same_secret(mac, &link_mac(key, purpose, body)) {
        return Err(BadLink::Invalid);
    }
    let (subject, rest) = body.split_first_chunk::<16>().ok_or(BadLink::Invalid)?;
    let (nonce, rest) = rest.split_first_chunk::<16>().ok_or(BadLink::Invalid)?;
    let expires = rest.first_chunk::<8>().copied().ok_or(BadLink::Invalid)?;
    let expires_at = crate::clock::from_millis(i64::from_be_bytes(expires));
    if now >= expires_at {
        return Err(BadLink::Expired);
    }
    Ok(Link { subject: Uuid::from_bytes(*subject), nonce: Uuid::from_bytes(*nonce), expires_at })
}

/// Whom a link claims to be for. Nothing of it is proven before it is opened: for links whose purpose
/// depends on whom they are for, which has to be looked up first.
pub fn claimed_subject(text: &str) -> Option<Uuid> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim()).ok()?;
    bytes.first_chunk::<16>().map(|subject| Uuid::from_bytes(*subject))
}

fn link_mac(key: &Key, purpose: &str, body: &[u8]) -> [u8; MAC] {
    let full = hmac_sha256(key.reveal(), &[b"handsel/link/v1\0", purpose.as_bytes(), b"\0", body]);
    let mut short = [0; MAC];
    short.copy_from_slice(&full[..MAC]);
    short
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_link_opens_for_its_purpose_until_it_expires() {
        let key = Key::new([1; 32]);
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let end = now + SignedDuration::from_hours(1);
        let subject = Uuid::now_v7();
        let link = mint_link(&key, "claim", subject, end);
        assert_eq!(open_link(&key, "claim", &link, now).unwrap().subject, subject);
        assert_eq!(open_link(&key, "claim", &link, end), Err(BadLink::Expired));
        assert_eq!(open_link(&key, "verify", &link, now), Err(BadLink::Invalid));
        assert_eq!(open_link(&Key::new([2; 32]), "claim", &link, now), Err(BadLink::Invalid));
        for i in 0..link.len() {
            let mut bytes = link.clone().into_bytes();
            bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(bytes).unwrap();
            assert!(open_link(&key, "claim", &damaged, now).is_err(), "{i}");
        }
        assert!(open_link(&key, "claim", "", now).is_err());
        assert_eq!(claimed_subject(&link), Some(subject));
        assert_eq!(claimed_subject("AAAA"), None);
    }

    #[test]
    fn bearers_differ_and_hash_stably() {
        let (token, hash) = new_bearer("test");
        assert!(token.starts_with("hs_test_"));
        assert_eq!(hash_bearer(&token), hash);
        assert_ne!(new_bearer("test").0, token);
    }
}
