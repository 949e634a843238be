//! The instance's Ed25519 key, with which it signs manifests, receipts and successions.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

use crate::fixed::{Hex, PublicKey, Signature};

/// The secret key of an instance. Not shown in debug output, and wiped from memory when dropped.
#[derive(Clone)]
pub struct InstanceKey(SigningKey);

/// A signature that does not fit key and message, or a key that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The bytes are no point of the curve, or one under which anything would verify.
    #[error("the public key is not an ed25519 key")]
    Key,
    /// The signature was not made by this key over this message.
    #[error("the signature was not made by this key over this document")]
    Signature,
}

impl InstanceKey {
    /// The key that belongs to 32 random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        Hex(self.0.verifying_key().to_bytes())
    }

    /// Signs a message. The same message always gets the same signature.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        Hex(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceKey({})", self.public_key())
    }
}

/// Checks a signature by the strict rules: weak keys and malleable forms are refused, so that one
/// message has one signature under one key.
///
/// # Errors
/// When the key is unusable or the signature is not its own.
pub fn verify(
    key: &PublicKey,
    message: &[u8],
    signature: &Signature,
) -> Result<(), SignatureError> {
    let key = VerifyingKey::from_bytes(&key.0).map_err(|_| SignatureError::Key)?;
    if key.is_weak() {
        return Err(SignatureError::Key);
    }
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify_strict(message, &signature).map_err(|_| SignatureError::Signature)
}

/// The message that is signed for a list of fields: `domain ‖ 0x00`, then each field after its
/// length as u32. No two lists share an encoding, and no message of one kind is one of another.
#[must_use]
pub(crate) fn message(domain: &str, fields: &[&[u8]]) -> Vec<u8> {
    let mut message = Vec::new();
    message.extend_from_slice(domain.as_bytes());
    message.push(0);
    for field in fields {
        let length = u32::try_from(field.len()).expect("signed fields are short");
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(field);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_belong_to_one_key_and_one_message() {
        let key = InstanceKey::from_seed(&[1; 32]);
        let signature = key.sign(b"message");
        assert_eq!(verify(&key.public_key(), b"message", &signature), Ok(()));
        assert_eq!(key.sign(b"message"), signature);

        let other = InstanceKey::from_seed(&[2; 32]).public_key();
        let wrong = Err(SignatureError::Signature);
        assert_eq!(verify(&other, b"message", &signature), wrong);
        assert_eq!(verify(&key.public_key(), b"massage", &signature), wrong);
        for byte in 0..64 {
            let mut changed = signature;
            changed.0[byte] ^= 1;
            assert_eq!(verify(&key.public_key(), b"message", &changed), wrong);
        }
    }

    #[test]
    fn weak_keys_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(verify(&Hex(identity), b"", &Hex([0; 64])), Err(SignatureError::Key));
        assert_eq!(verify(&Hex([0; 32]), b"", &Hex([0; 64])), Err(SignatureError::Key));
    }

    #[test]
    fn lists_of_fields_are_encoded_without_ambiguity() {
        assert_eq!(message("d", &[b"ab", b"c"]), b"d\0\0\0\0\x02ab\0\0\0\x01c");
        assert_ne!(message("d", &[b"ab", b"c"]), message("d", &[b"a", b"bc"]));
        assert_ne!(message("d", &[b"a", b""]), message("d", &[b"a"]));
    }

    #[test]
    fn the_secret_is_not_shown_in_debug_output() {
        let shown = format!("{:?}", InstanceKey::from_seed(&[0xab; 32]));
        assert!(!shown.contains("abab"), "{shown}");
    }
}
