//! The seed of a draw: where the commitment and the public randomness meet.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::fixed::{Digest, Hex};

/// `HMAC-SHA256(key = randomness, "handsel/draw/v1" ‖ 0x00 ‖ manifest hash)`.
///
/// # Panics
/// Never: HMAC takes keys of any length.
#[must_use]
pub fn seed(randomness: &Digest, manifest_hash: &Digest) -> Digest {
    let mut mac = Hmac::<Sha256>::new_from_slice(&randomness.0).expect("hmac takes any key");
    mac.update(b"handsel/draw/v1\0");
    mac.update(&manifest_hash.0);
    Hex(mac.finalize().into_bytes().into())
}
