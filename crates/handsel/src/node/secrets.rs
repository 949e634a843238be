//! The installation's keys and tokens: made at first start, mode 0600, in the data folder.

use std::path::Path;

use draw::signing::InstanceKey;
use platform::{
    config::Secret,
    keys::{Key, KeyDir, write_atomically},
    process,
    rpc::ServiceCredential,
};

use crate::config::Config;

/// The file with the administrator's token, in a data folder.
pub(crate) const ADMIN_TOKEN_FILE: &str = "admin-token";

/// Everything secret that the process holds.
#[derive(Debug)]
pub(crate) struct Secrets {
    /// What proves that a call between our services is of this installation.
    pub(crate) credential: ServiceCredential,
    /// Signs mailed links.
    pub(crate) links: Key,
    /// Seals the secrets of accounts.
    pub(crate) accounts: Key,
    /// Signs manifests, receipts and successions.
    pub(crate) instance: InstanceKey,
    /// The sandbox beacon's key.
    pub(crate) beacon: Key,
    /// Where applications keep further keys of their own.
    pub(crate) keys: KeyDir,
    /// The administrator's bearer token.
    pub(crate) admin_token: Secret,
    /// What the provider is called with.
    pub(crate) provider_api_key: Secret,
    /// What the provider signs its messages with.
    pub(crate) provider_webhook_secret: Secret,
}

/// The two secrets between a sandbox bank and its customer.
#[derive(Debug)]
pub(crate) struct BankSecrets {
    /// The customer's key.
    pub(crate) api_key: Secret,
    /// Under which webhooks are signed.
    pub(crate) webhook_secret: Secret,
}

impl Secrets {
    /// Loads the keys, and makes those that are missing.
    ///
    /// # Errors
    /// When a key file is unreadable, open to others or damaged.
    pub(crate) fn open(config: &Config) -> anyhow::Result<Self> {
        config.make_data_dir()?;
        let keys = KeyDir::open(&config.data_dir.join("keys"))?;
        let bank = if config.provider.is_in_process() {
            BankSecrets::open(&keys)?
        } else {
            BankSecrets {
                api_key: config.provider.api_key.clone(),
                webhook_secret: config.provider.webhook_secret.clone(),
            }
        };
        Ok(Self {
            credential: ServiceCredential::new(&keys.key("service")?),
            links: keys.key("links")?,
            accounts: keys.key(giveaway_api::process::ACCOUNTS)?,
            instance: InstanceKey::from_seed(keys.key("instance")?.reveal()),
            beacon: keys.key("beacon")?,
            admin_token: admin_token(config, &keys.key("admin")?)?,
            keys,
            provider_api_key: bank.api_key,
            provider_webhook_secret: bank.webhook_secret,
        })
    }
}

impl BankSecrets {
    /// Derives both from the key `bank` of a folder, and makes that if it is missing.
    ///
    /// # Errors
    /// When the key file is unreadable, open to others or damaged.
    pub(crate) fn open(keys: &KeyDir) -> anyhow::Result<Self> {
        let key = keys.key("bank")?;
        let derived = |purpose: &str| hex::encode(key.derive(purpose).reveal());
        Ok(Self {
            api_key: Secret::new(format!("sk_sandbox_{}", derived("api"))),
            webhook_secret: Secret::new(format!("whsec_{}", derived("webhook"))),
        })
    }
}

/// The administrator's token follows from a key; the file beside it is for people to read.
fn admin_token(config: &Config, key: &Key) -> anyhow::Result<Secret> {
    let token = process::admin_token(config.mode.as_str(), key);
    write_secret(&config.data_dir.join(ADMIN_TOKEN_FILE), token.reveal())?;
    Ok(token)
}

/// Writes a secret to a file of its own, unless it is there already.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_secret(path: &Path, secret: &str) -> anyhow::Result<()> {
    let written = std::fs::read_to_string(path).is_ok_and(|text| text.trim_end() == secret);
    if written { Ok(()) } else { write_atomically(path, format!("{secret}\n").as_bytes()) }
}
