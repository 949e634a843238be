//! A fleet that is told the story: where everybody is, as `bin/fleet` writes it down.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use platform::{config::Secret, db::DbConfig, provider::ProviderSettings};
use serde::Deserialize;

use super::client::Addresses;
use crate::config::Config;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fleet {
    /// Instances of giveaway-api.
    giveaway: Vec<String>,
    /// Instances of giftcard-api.
    giftcard: Vec<String>,
    /// Admin ports of job processors that show their mails.
    mail: Vec<String>,
    /// Gateways, for whoever watches. The story does not.
    #[serde(rename = "gateway")]
    _gateway: Vec<String>,
    /// The sandbox bank.
    bank: String,
    /// The bank's key, in a file.
    bank_key_file: PathBuf,
    /// What the bank signs its messages with, in a file.
    bank_webhook_secret_file: PathBuf,
    /// The administrator's token, in a file.
    admin_token_file: PathBuf,
    /// PostgreSQL, for a role that may read all schemas.
    database: Secret,
}

impl Fleet {
    /// Reads the file.
    ///
    /// # Errors
    /// Names what is wrong with it.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read(file)
            .with_context(|| format!("--fleet: cannot read {}", file.display()))?;
        let fleet: Self = serde_json::from_slice(&text)
            .with_context(|| format!("--fleet: {} does not describe a fleet", file.display()))?;
        let lists =
            [("giveaway", &fleet.giveaway), ("giftcard", &fleet.giftcard), ("mail", &fleet.mail)];
        for (name, urls) in lists {
            anyhow::ensure!(!urls.is_empty(), "--fleet: `{name}` names no instance");
        }
        Ok(fleet)
    }

    /// Who serves what.
    pub(crate) fn addresses(&self) -> Addresses {
        Addresses {
            giveaway: self.giveaway.clone(),
            giftcard: self.giftcard.clone(),
            mail: self.mail.clone(),
        }
    }

    /// The sandbox bank.
    pub(crate) fn bank(&self) -> &str {
        &self.bank
    }

    /// The administrator's token.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub(crate) fn admin(&self) -> anyhow::Result<Secret> {
        secret(&self.admin_token_file)
    }

    /// What an audit of it is told. The demo's own files are in `data_dir`.
    ///
    /// # Errors
    /// When a secret's file cannot be read.
    pub(crate) fn config(&self, data_dir: PathBuf) -> anyhow::Result<Config> {
        let database = DbConfig { url: self.database.clone(), ..DbConfig::default() };
        let mut config = Config {
            data_dir,
            provider: ProviderSettings {
                url: self.bank.clone(),
                api_key: secret(&self.bank_key_file)?,
                webhook_secret: secret(&self.bank_webhook_secret_file)?,
                ..ProviderSettings::default()
            },
            ..Config::default()
        };
        config.giveaway.database = database.clone();
        config.giftcard.database = database.clone();
        config.processor.database = database;
        config.check()?;
        Ok(config)
    }
}

fn secret(file: &Path) -> anyhow::Result<Secret> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("--fleet: cannot read {}", file.display()))?;
    Ok(Secret::new(text.trim_end()))
}
