//! What can be configured.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Configuration of giftcard-api.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where people reach the pages, such as `https://cards.example.org`. With https, cookies are
    /// marked as secure.
    pub public_url: String,
    /// How long a link that reveals a card works, in minutes.
    pub reveal_minutes: u32,
    /// After how many seconds giveaway-api is asked what became of reserved escrows.
    pub resolve_after_seconds: u32,
    /// How long a merchant's new payout destination waits until it counts, in hours.
    pub payout_cooling_hours: u32,
    /// When and how merchants are paid.
    pub settlement: SettlementConfig,
}

/// When and how merchants are paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettlementConfig {
    /// Settle every merchant that is owed something this often, in seconds; 0 for only on request.
    pub every_seconds: u32,
    /// How often attempts without a result are looked up, and the provider's list compared with
    /// our attempts, in seconds.
    pub sweep_seconds: u32,
    /// How long one exchange with the provider may take before another instance takes the attempt
    /// over, in seconds. Longer than the provider's own time-out.
    pub lease_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            public_url: "http://localhost:5000".to_owned(),
            reveal_minutes: 60,
            resolve_after_seconds: 300,
            payout_cooling_hours: 72,
            settlement: SettlementConfig::default(),
        }
    }
}

impl Default for SettlementConfig {
    fn default() -> Self {
        Self { every_seconds: 0, sweep_seconds: 60, lease_seconds: 30 }
    }
}

impl Config {
    /// Refuses values with which nothing would work.
    ///
    /// # Errors
    /// Names the key.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let positive = [
            ("reveal_minutes", self.reveal_minutes),
            ("resolve_after_seconds", self.resolve_after_seconds),
            ("settlement.sweep_seconds", self.settlement.sweep_seconds),
            ("settlement.lease_seconds", self.settlement.lease_seconds),
        ];
        for (key, value) in positive {
            anyhow::ensure!(value > 0, "{key}: must be more than 0");
        }
        Ok(())
    }

    /// Whether pages are reached over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

impl SettlementConfig {
    /// How often attempts without a result are looked up.
    pub(crate) fn sweep(&self) -> Duration {
        Duration::from_secs(self.sweep_seconds.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_work_and_zeros_are_named() {
        Config::default().check().unwrap();
        let config = Config { reveal_minutes: 0, ..Config::default() };
        assert!(config.check().unwrap_err().to_string().contains("reveal_minutes"));
    }
}
