//! What an operator can set.

use anyhow::Context as _;
use ledger::Mode;
use platform::config::check_public_url;
use serde::{Deserialize, Serialize};

/// The settings of giveaway-api.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Test or live money; live refuses the sandbox bank and the sandbox beacon.
    pub mode: Mode,
    /// Where people reach the pages, without a slash at the end: what mailed links begin with.
    pub public_url: String,
    /// Where the gateway is, without a slash at the end, if it is not at the same origin as the pages.
    pub gateway_url: String,
    /// How long a publish saga may try to reserve its prizes before it gives up and refunds.
    pub publish_timeout_seconds: u32,
    /// How often the provider's list of payments is read for what webhooks lost.
    pub payment_sweep_seconds: u32,
    /// How long a new payout destination waits before money goes there, in hours: time enough for its
    /// owner to notice that somebody else has named it.
    pub payout_cooling_hours: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Test,
            public_url: "http://127.0.0.1:5000".to_owned(),
            gateway_url: String::new(),
            publish_timeout_seconds: 600,
            payment_sweep_seconds: 30,
            payout_cooling_hours: 72,
        }
    }
}

impl Config {
    /// The gateway at another origin, if there is one.
    pub fn gateway(&self) -> Option<String> {
        Some(self.gateway_url.clone()).filter(|url| !url.is_empty())
    }

    /// Whether pages are reached over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// Whether the settings go together.
    ///
    /// # Errors
    /// The first key that cannot be, with the reason.
    pub fn check(&self) -> anyhow::Result<()> {
        check_public_url(&self.public_url)?;
        if !self.gateway_url.is_empty() {
            check_public_url(&self.gateway_url).context("gateway_url")?;
        }
        anyhow::ensure!(
            self.publish_timeout_seconds > 0,
            "publish_timeout_seconds: must be positive"
        );
        anyhow::ensure!(self.payment_sweep_seconds > 0, "payment_sweep_seconds: must be positive");
        Ok(())
    }
}
