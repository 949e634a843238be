//! Key files: made at first start in the data directory with mode 0600, or given by the operator.

use std::{
    fmt,
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The folder of the process's keys.
#[derive(Clone, Debug)]
pub struct KeyDir {
    path: PathBuf,
    /// Whether a key that is missing is made.
    makes: bool,
}

impl KeyDir {
    /// Opens the folder, and makes it (mode 0700) if it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
            .with_context(|| format!("cannot protect {}", path.display()))?;
        Ok(Self { path: path.to_owned(), makes: true })
    }

    /// Opens a folder that other processes have too. A key that is missing is not made: each of them
    /// would have another.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn shared(path: &Path) -> anyhow::Result<Self> {
        anyhow::ensure!(
            path.is_dir(),
            "keys_dir: there is no folder {}; `handsel keys make` makes the keys that all applications of \
             an installation share",
            path.display()
        );
        Ok(Self { path: path.to_owned(), makes: false })
    }

    /// The key of this name: 32 bytes, kept as hexadecimal digits. Made from the operating system's
    /// randomness if the file is missing, unless the folder is shared.
    ///
    /// # Errors
    /// When the file is unreadable, open to others, or does not hold a key: a key is never replaced.
    pub fn key(&self, name: &str) -> anyhow::Result<Key> {
        let path = self.path.join(format!("{name}.key"));
        match std::fs::metadata(&path) {
            Ok(metadata) => {
                anyhow::ensure!(
                    metadata.permissions().mode() & 0o077 == 0,
                    "{} may be read by others; set its mode to 0600",
                    path.display()
                );
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && self.makes => {
                let mut bytes = Zeroizing::new([0_u8; 32]);
                rand::fill(&mut *bytes);
                write_atomically(&path, hex::encode(*bytes).as_bytes())?;
            }
            Err(error) => {
                let hint =
                    if self.makes { "" } else { "; `handsel keys make` makes what is missing" };
                return Err(error).with_context(|| format!("cannot read {}{hint}", path.display()));
            }
        }
        let text = Zeroizing::new(
            std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?,
        );
        let mut bytes = Zeroizing::new([0_u8; 32]);
        hex::decode_to_slice(text.trim(), &mut *bytes)
            .with_context(|| format!("{} does not hold 64 hexadecimal digits", path.display()))?;
        Ok(Key::new(*bytes))
    }
}

/// A 32-byte secret and its public id.
#[derive(Clone)]
pub struct Key {
    bytes: Zeroizing<[u8; 32]>,
}

impl Key {
    /// Wraps key material.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self { bytes: Zeroizing::new(bytes) }
    }

    /// The secret, to be used and not kept.
    pub fn reveal(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The key's public id: it tells which key made something without telling the key.
    pub fn id(&self) -> String {
        let digest =
            Sha256::new().chain_update(b"handsel/key-id/v1\0").chain_update(*self.bytes).finalize();
        hex::encode(&digest[..8])
    }

    /// A key for one purpose, derived from this one, so that one file can serve several uses
    /// without their outputs being exchangeable.
    pub fn derive(&self, purpose: &str) -> Self {
        Self::new(crate::token::hmac_sha256(
            &self.bytes[..],
            &[b"handsel/derive/v1\0", purpose.as_bytes()],
        ))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id())
    }
}

/// Replaces a file so that a crash leaves the old content or the new one, never half of it: written
/// beside (mode 0600), synced, renamed, and the folder synced.
///
/// # Errors
/// When any of these steps fails; the old content is then still there.
pub fn write_atomically(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().context("the file has no folder")?;
    let beside = path.with_extension(format!("tmp-{}", uuid::Uuid::new_v4().simple()));
    let write = || -> std::io::Result<()> {
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        std::fs::File::open(folder)?.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_protected() {
        let dir = tempfile::tempdir().unwrap();
        let keys = KeyDir::open(&dir.path().join("keys")).unwrap();
        let made = keys.key("codes").unwrap();
        assert_eq!(made.reveal(), keys.key("codes").unwrap().reveal());
        assert_ne!(made.reveal(), keys.key("links").unwrap().reveal());
        let file = dir.path().join("keys/codes.key");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(keys.key("codes").is_err());
    }

    #[test]
    fn a_shared_folder_gets_no_new_keys() {
        let dir = tempfile::tempdir().unwrap();
        let made = KeyDir::open(dir.path()).unwrap().key("codes").unwrap();
        let shared = KeyDir::shared(dir.path()).unwrap();
        assert_eq!(shared.key("codes").unwrap().reveal(), made.reveal());
        let error = format!("{:#}", shared.key("links").unwrap_err());
        assert!(error.contains("links.key"), "{error}");
        assert!(KeyDir::shared(&dir.path().join("elsewhere")).is_err());
    }

    #[test]
    fn a_damaged_key_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let keys = KeyDir::open(dir.path()).unwrap();
        write_atomically(&dir.path().join("codes.key"), b"not a key").unwrap();
        assert!(keys.key("codes").is_err());
    }

    #[test]
    fn debug_output_tells_the_id_only() {
        let key = Key::new([7; 32]);
        let shown = format!("{key:?}");
        assert!(shown.contains(&key.id()) && !shown.contains(&hex::encode([7; 32])));
    }
}
