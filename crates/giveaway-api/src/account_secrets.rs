//! What of accounts is secret beside passwords: TOTP secrets are sealed, recovery codes hashed, and what a
//! form carries follows from the session.

use anyhow::Context as _;
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use data_encoding::BASE32_NOPAD;
use platform::{
    keys::Key,
    token::{hmac_sha256, same_secret},
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    domain::totp::{SECRET_BYTES, Secret},
    ids::AccountId,
};

/// Bytes of the nonce in front of a sealed secret: random, because 192 bits never repeat.
const NONCE_BYTES: usize = 24;

/// Recovery codes that somebody gets at once.
pub const RECOVERY_CODES: usize = 8;

/// Random bytes of a recovery code: 120 bits, so that a plain hash is enough at rest (OWASP ASVS 5, 6.5.2).
const RECOVERY_BYTES: usize = 15;

/// Letters of a recovery code between two hyphens.
const GROUP: usize = 4;

/// The keys of accounts. Debug output tells no key.
#[derive(Clone, Debug)]
pub struct AccountSecrets {
    seal: Key,
    csrf: Key,
    limits: Key,
}

/// A TOTP secret as it is stored.
pub(crate) struct SealedSecret {
    /// Nonce and ciphertext.
    pub(crate) sealed: Vec<u8>,
    /// The key that sealed it.
    pub(crate) key_id: String,
}

impl AccountSecrets {
    #[expect(clippy::needless_pass_by_value, reason = "the key is given away")]
    pub(crate) fn new(key: Key) -> Self {
        let derived = |purpose: &str| key.derive(purpose);
        Self { seal: derived("totp"), csrf: derived("csrf"), limits: derived("limits") }
    }

    /// Seals a secret for one account: under another account's id it does not open.
    pub(crate) fn seal(&self, account: AccountId, secret: &Secret) -> anyhow::Result<SealedSecret> {
        let key_id = self.seal.id();
        let mut nonce = [0_u8; NONCE_BYTES];
        rand::fill(&mut nonce);
        let payload = Payload { msg: secret.reveal(), aad: &associated(account, &key_id) };
        let ciphertext = self
            .cipher()?
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| anyhow::anyhow!("a TOTP secret cannot be sealed"))?;
        Ok(SealedSecret { sealed: [nonce.as_slice(), &ciphertext].concat(), key_id })
    }

    /// Opens what was sealed for this account.
    ///
    /// # Errors
    /// When it was sealed for another account or with another key, or is damaged.
    pub(crate) fn open(
        &self,
        account: AccountId,
        key_id: &str,
        sealed: &[u8],
    ) -> anyhow::Result<Secret> {
        anyhow::ensure!(
            key_id == self.seal.id(),
            "the TOTP secret of {account} was sealed with key {key_id}, which is not here"
        );
        let (nonce, ciphertext) =
            sealed.split_first_chunk::<NONCE_BYTES>().context("a sealed secret is too short")?;
        let payload = Payload { msg: ciphertext, aad: &associated(account, key_id) };
        let plain = self
            .cipher()?
            .decrypt(&XNonce::from(*nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| anyhow::anyhow!("the TOTP secret of {account} does not open"))?;
        let bytes: [u8; SECRET_BYTES] =
            plain.as_slice().try_into().context("a TOTP secret has the wrong length")?;
        Ok(Secret::new(bytes))
    }

    /// What a session's forms carry, which no other site knows.
    pub(crate) fn form_token(&self, session_hash: &[u8; 32]) -> String {
        hex::encode(hmac_sha256(self.csrf.reveal(), &[b"handsel/csrf/v1\0", session_hash]))
    }

    /// Whether a form came from a page of this session.
    pub(crate) fn is_form_token(&self, session_hash: &[u8; 32], given: &str) -> bool {
        same_secret(self.form_token(session_hash).as_bytes(), given.as_bytes())
    }

    /// By what attempts on an address are counted: what counts them does not learn the address.
    pub(crate) fn limit_key(&self, address: &str) -> String {
        hex::encode(hmac_sha256(self.limits.reveal(), &[address.as_bytes()]))
    }

    fn cipher(&self) -> anyhow::Result<XChaCha20Poly1305> {
        XChaCha20Poly1305::new_from_slice(self.seal.reveal())
            .map_err(|_| anyhow::anyhow!("the key of accounts has the wrong length"))
    }
}

/// A new secret from the operating system's randomness.
pub(crate) fn new_totp() -> Secret {
    let mut bytes = Zeroizing::new([0_u8; SECRET_BYTES]);
    rand::fill(&mut *bytes);
    Secret::new(*bytes)
}

/// New recovery codes, as a person reads them.
pub(crate) fn new_recovery_codes() -> Vec<Zeroizing<String>> {
    let code = || {
        let mut bytes = Zeroizing::new([0_u8; RECOVERY_BYTES]);
        rand::fill(&mut *bytes);
        let letters = Zeroizing::new(BASE32_NOPAD.encode(&bytes[..]).to_lowercase());
        let mut code = Zeroizing::new(String::new());
        for (at, letter) in letters.chars().enumerate() {
            if at > 0 && at % GROUP == 0 {
                code.push('-');
            }
            code.push(letter);
        }
        code
    };
    (0..RECOVERY_CODES).map(|_| code()).collect()
}

/// How a recovery code is looked up, however it was typed. What is none has no hash.
pub(crate) fn recovery_hash(given: &str) -> Option<[u8; 32]> {
    let letters = given.chars().filter(|c| !c.is_whitespace() && *c != '-');
    let letters: Zeroizing<String> =
        Zeroizing::new(letters.map(|c| c.to_ascii_uppercase()).take(64).collect());
    let bytes = Zeroizing::new(BASE32_NOPAD.decode(letters.as_bytes()).ok()?);
    if bytes.len() != RECOVERY_BYTES {
        return None;
    }
    Some(
        Sha256::new()
            .chain_update(b"handsel/recovery/v1\0")
            .chain_update(&bytes[..])
            .finalize()
            .into(),
    )
}

fn associated(account: AccountId, key_id: &str) -> Vec<u8> {
    [account.0.as_bytes().as_slice(), key_id.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_account_and_key_only() {
        let secrets = AccountSecrets::new(Key::new([1; 32]));
        let (account, secret) = (AccountId::new(), new_totp());
        let sealed = secrets.seal(account, &secret).unwrap();
        assert_eq!(secrets.open(account, &sealed.key_id, &sealed.sealed).unwrap(), secret);
        assert!(secrets.open(AccountId::new(), &sealed.key_id, &sealed.sealed).is_err());
        assert!(secrets.open(account, "other", &sealed.sealed).is_err());
        assert!(secrets.open(account, &sealed.key_id, &[]).is_err());
        for at in 0..sealed.sealed.len() {
            let mut damaged = sealed.sealed.clone();
            damaged[at] ^= 1;
            assert!(secrets.open(account, &sealed.key_id, &damaged).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_form_belongs_to_one_session() {
        let secrets = AccountSecrets::new(Key::new([1; 32]));
        let token = secrets.form_token(&[1; 32]);
        assert!(secrets.is_form_token(&[1; 32], &token));
        assert!(!secrets.is_form_token(&[2; 32], &token));
        assert!(!secrets.is_form_token(&[1; 32], ""));
        let others = AccountSecrets::new(Key::new([2; 32]));
        assert!(!others.is_form_token(&[1; 32], &token));
    }

    #[test]
    fn a_recovery_code_is_found_however_it_was_typed() {
        let codes = new_recovery_codes();
        assert_eq!(codes.len(), RECOVERY_CODES);
        let hash = recovery_hash(&codes[0]).unwrap();
        assert_eq!(codes[0].len(), 29, "six groups of four");
        assert_eq!(recovery_hash(&codes[0].to_uppercase().replace('-', " ")), Some(hash));
        assert_ne!(recovery_hash(&codes[1]), Some(hash));
        assert_eq!(recovery_hash(""), None);
        assert_eq!(recovery_hash("aaaa"), None);
        assert_eq!(recovery_hash("öööö"), None);
    }

    #[test]
    fn debug_output_tells_no_key() {
        let shown = format!("{:?}", AccountSecrets::new(Key::new([7; 32])));
        let derived = Key::new([7; 32]).derive("csrf");
        assert!(!shown.contains(&hex::encode(derived.reveal())), "{shown}");
    }
}
