//! How card codes are kept: an HMAC to find a typed code by, and a sealed form to show it again.

use anyhow::Context as _;
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use platform::{
    keys::{Key, KeyDir},
    token::hmac_sha256,
};
use zeroize::{Zeroize as _, Zeroizing};

use crate::domain::{
    code::{Code, RANDOM_CHARS},
    ids::CardId,
};

/// Bytes of the nonce in front of a sealed code: random, because 192 bits never repeat.
const NONCE_BYTES: usize = 24;

/// The key by which a typed code is found.
pub(crate) const LOOKUP: &str = "card-code-lookup";

/// The key that seals codes.
pub(crate) const SEAL: &str = "card-code-seal";

/// The keys of card codes.
#[derive(Clone, Debug)]
pub(crate) struct CardSecrets {
    lookup: Key,
    seal: Key,
}

/// A code as it is stored.
pub(crate) struct SealedCode {
    /// Finds the card of a typed code.
    pub(crate) lookup: [u8; 32],
    /// Nonce and ciphertext.
    pub(crate) sealed: Vec<u8>,
    /// The key that sealed it.
    pub(crate) key_id: String,
}

impl CardSecrets {
    /// The keys of this installation.
    ///
    /// # Errors
    /// When a key file is unusable.
    pub(crate) fn load(keys: &KeyDir) -> anyhow::Result<Self> {
        Ok(Self { lookup: keys.key(LOOKUP)?, seal: keys.key(SEAL)? })
    }

    /// A new code from the operating system's randomness.
    pub(crate) fn new_code() -> Code {
        let mut bytes = [0_u8; RANDOM_CHARS];
        rand::fill(&mut bytes);
        let code = Code::from_random(&bytes);
        bytes.zeroize();
        code
    }

    /// How a typed code is looked up. Without the key, a copy of the database does not even tell
    /// whether a guessed code exists.
    pub(crate) fn lookup(&self, code: &Code) -> [u8; 32] {
        hmac_sha256(self.lookup.reveal(), &[b"handsel/card-code/v1\0", code.reveal().as_bytes()])
    }

    /// Seals a code for one card: under another card's id it does not open.
    pub(crate) fn seal(&self, card: CardId, code: &Code) -> anyhow::Result<SealedCode> {
        let key_id = self.seal.id();
        let mut nonce = [0_u8; NONCE_BYTES];
        rand::fill(&mut nonce);
        let payload = Payload { msg: code.reveal().as_bytes(), aad: &associated(card, &key_id) };
        let ciphertext = self
            .cipher()?
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| anyhow::anyhow!("a card code cannot be sealed"))?;
        let sealed = [nonce.as_slice(), &ciphertext].concat();
        Ok(SealedCode { lookup: self.lookup(code), sealed, key_id })
    }

    /// Opens what was sealed for this card.
    ///
    /// # Errors
    /// When it was sealed for another card or with another key, or is damaged.
    pub(crate) fn open(&self, card: CardId, key_id: &str, sealed: &[u8]) -> anyhow::Result<Code> {
        anyhow::ensure!(
            key_id == self.seal.id(),
            "{card} was sealed with key {key_id}, which is not here"
        );
        let (nonce, ciphertext) =
            sealed.split_first_chunk::<NONCE_BYTES>().context("a sealed code is too short")?;
        let payload = Payload { msg: ciphertext, aad: &associated(card, key_id) };
        let plain = self
            .cipher()?
            .decrypt(&XNonce::from(*nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| anyhow::anyhow!("the sealed code of {card} does not open"))?;
        let text = std::str::from_utf8(&plain).context("a sealed code is not text")?;
        Code::parse(text).context("a sealed code is not a code")
    }

    fn cipher(&self) -> anyhow::Result<XChaCha20Poly1305> {
        XChaCha20Poly1305::new_from_slice(self.seal.reveal())
            .map_err(|_| anyhow::anyhow!("the key of card codes has the wrong length"))
    }
}

fn associated(card: CardId, key_id: &str) -> Vec<u8> {
    [card.0.as_bytes().as_slice(), key_id.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> CardSecrets {
        CardSecrets { lookup: Key::new([1; 32]), seal: Key::new([2; 32]) }
    }

    #[test]
    fn a_code_opens_for_its_card_and_key_only() {
        let (secrets, card, code) = (secrets(), CardId::new(), CardSecrets::new_code());
        let sealed = secrets.seal(card, &code).unwrap();
        assert_eq!(secrets.open(card, &sealed.key_id, &sealed.sealed).unwrap(), code);
        assert!(secrets.open(CardId::new(), &sealed.key_id, &sealed.sealed).is_err());
        assert!(secrets.open(card, "other", &sealed.sealed).is_err());
        for at in 0..sealed.sealed.len() {
            let mut damaged = sealed.sealed.clone();
            damaged[at] ^= 1;
            assert!(secrets.open(card, &sealed.key_id, &damaged).is_err(), "byte {at}");
        }
        assert!(secrets.open(card, &sealed.key_id, &[]).is_err());
        let again = secrets.seal(card, &code).unwrap();
        assert_ne!(again.sealed, sealed.sealed, "the nonce is random");
        assert_eq!(again.lookup, sealed.lookup);
    }

    #[test]
    fn the_lookup_depends_on_the_key() {
        let code = CardSecrets::new_code();
        let other = CardSecrets { lookup: Key::new([3; 32]), ..secrets() };
        assert_ne!(secrets().lookup(&code), other.lookup(&code));
        assert_ne!(secrets().lookup(&code), secrets().lookup(&CardSecrets::new_code()));
    }
}
