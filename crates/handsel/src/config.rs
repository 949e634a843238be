//! The configuration of everything in one process.
//!
//! Defaults < `handsel.toml` < environment (`HANDSEL__SECTION__KEY`, secrets also as `…_FILE`) <
//! flags. Unknown keys and values that cannot work stop the start and name the key.

use std::{
    fs::DirBuilder,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use figment::value::Value;
use giftcard_api::SettlementConfig;
use job_processor::{SmtpConfig, gateway::GatewayConfig};
use ledger::Mode;
use platform::{
    config::check_public_url,
    db::DbConfig,
    http::TrustedProxies,
    process::settings::Log,
    provider::{ProviderKind, ProviderSettings},
};
use serde::{Deserialize, Serialize};

/// The file that is read unless another is named, if it is there.
pub(crate) const DEFAULT_FILE: &str = "handsel.toml";

/// The port of the all-in-one server.
const PORT: u16 = 5000;

/// Everything that `handsel serve` can be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Test or live money.
    pub(crate) mode: Mode,
    /// Databases, keys and backups; made if missing.
    pub(crate) data_dir: PathBuf,
    /// Demo mode: a clock that can be moved, and a mailbox that anyone can read.
    pub(crate) demo: bool,
    /// The HTTP server.
    pub(crate) server: Server,
    /// A gRPC port for other processes of the same installation.
    pub(crate) grpc: Grpc,
    /// Giveaways.
    pub(crate) giveaway: Giveaway,
    /// Gift cards.
    pub(crate) giftcard: Giftcard,
    /// Mail and analytics.
    pub(crate) processor: Processor,
    /// Connections of those who watch.
    pub(crate) gateway: GatewayConfig,
    /// The payment provider.
    pub(crate) provider: ProviderSettings,
    /// The mail server.
    pub(crate) smtp: SmtpConfig,
    /// What is logged.
    pub(crate) log: Log,
}

/// The HTTP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// Where people reach it, without a slash at the end: what mailed links begin with. Empty for
    /// `http://` and the address that it listens at.
    pub(crate) public_url: String,
    /// Networks of the proxies before it, which say for whom they ask in `X-Forwarded-For`.
    pub(crate) trusted_proxies: TrustedProxies,
}

/// The gRPC port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Grpc {
    /// Where it listens, for example `127.0.0.1:50051`; empty for no port.
    pub(crate) listen: String,
}

/// Giveaways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Giveaway {
    /// How long publishing may try to reserve the prizes before it gives up and refunds.
    pub(crate) publish_timeout_seconds: u32,
    /// How often the provider's payments are listed for what its messages lost.
    pub(crate) payment_sweep_seconds: u32,
    pub(crate) payout_cooling_hours: u32,
    /// Where its rows are.
    pub(crate) database: DbConfig,
}

/// Gift cards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Giftcard {
    /// How long a link that reveals a card works.
    pub(crate) reveal_minutes: u32,
    /// When the other side is asked what became of prizes that were reserved and not paid for.
    pub(crate) resolve_after_seconds: u32,
    /// How long a merchant's new payout destination waits until it counts.
    pub(crate) payout_cooling_hours: u32,
    /// When and how merchants are paid.
    pub(crate) settlement: SettlementConfig,
    /// Where its rows are.
    pub(crate) database: DbConfig,
}

/// Mail and analytics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Processor {
    /// Where its rows are.
    pub(crate) database: DbConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Test,
            data_dir: PathBuf::from("handsel-data"),
            demo: false,
            server: Server::default(),
            grpc: Grpc::default(),
            giveaway: Giveaway::default(),
            giftcard: Giftcard::default(),
            processor: Processor::default(),
            gateway: GatewayConfig::default(),
            provider: ProviderSettings::default(),
            smtp: SmtpConfig::default(),
            log: Log::default(),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, PORT).into(),
            public_url: String::new(),
            trusted_proxies: TrustedProxies::default(),
        }
    }
}

impl Default for Giveaway {
    fn default() -> Self {
        let giveaway_api::Config {
            publish_timeout_seconds,
            payment_sweep_seconds,
            payout_cooling_hours,
            ..
        } = giveaway_api::Config::default();
        Self {
            database: DbConfig::default(),
            publish_timeout_seconds,
            payment_sweep_seconds,
            payout_cooling_hours,
        }
    }
}

impl Default for Giftcard {
    fn default() -> Self {
        let giftcard_api::Config {
            reveal_minutes,
            resolve_after_seconds,
            payout_cooling_hours,
            settlement,
            ..
        } = giftcard_api::Config::default();
        Self {
            reveal_minutes,
            resolve_after_seconds,
            payout_cooling_hours,
            settlement,
            database: DbConfig::default(),
        }
    }
}

impl Config {
    /// Loads and checks. A file that was named must be there; the default one need not.
    ///
    /// # Errors
    /// Names the key and what is wrong with it.
    pub(crate) fn load(file: Option<&Path>, flags: &[(&str, Value)]) -> anyhow::Result<Self> {
        let default = Path::new(DEFAULT_FILE);
        let config: Self = platform::config::load(file.unwrap_or(default), file.is_some(), flags)?;
        config.check()?;
        Ok(config)
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Names the key and what is wrong with it.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let Server { public_url, .. } = &self.server;
        if !public_url.is_empty() {
            check_public_url(public_url)?;
        }
        self.grpc_address()?;
        self.provider.check(self.mode == Mode::Live)?;
        anyhow::ensure!(
            !self.demo || self.provider.kind == ProviderKind::Sandbox,
            "demo: moves its clock and pays by itself, which only provider.kind = \"sandbox\" follows"
        );
        // Whoever reaches a demo reads its mailbox, with every link, and moves its clock.
        anyhow::ensure!(
            !self.demo || self.server.listen.ip().is_loopback(),
            "demo: needs server.listen on this machine only, such as 127.0.0.1:5000, and not {}",
            self.server.listen
        );
        self.smtp.check()?;
        self.gateway.check()?;
        if self.mode == Mode::Live {
            anyhow::ensure!(!self.demo, "demo: is for mode = \"test\" only");
            anyhow::bail!(
                "mode: `live` does not take the sandbox beacon, and there is no other yet"
            );
        }
        Ok(())
    }

    /// Makes the data folder if it is missing. Addresses of persons are in it, so it is for its owner
    /// only; one that was made by somebody else keeps its mode.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn make_data_dir(&self) -> anyhow::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.data_dir)
            .with_context(|| format!("data_dir: cannot create {}", self.data_dir.display()))
    }

    /// Where the gRPC port listens, if there is to be one.
    ///
    /// # Errors
    /// When it is no address.
    pub(crate) fn grpc_address(&self) -> anyhow::Result<Option<SocketAddr>> {
        let listen = self.grpc.listen.as_str();
        if listen.is_empty() {
            return Ok(None);
        }
        let address = listen.parse();
        address.map(Some).with_context(|| {
            format!("grpc.listen: `{listen}` is not an address like 127.0.0.1:50051")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str) -> anyhow::Result<Config> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("test.toml");
        std::fs::write(&file, toml)?;
        Config::load(Some(&file), &[])
    }

    #[test]
    fn the_defaults_work_and_can_be_written_down_and_read_again() {
        let defaults = load("").unwrap();
        assert_eq!(defaults, Config::default());
        assert_eq!(load(&toml::to_string(&defaults).unwrap()).unwrap(), defaults);
    }

    #[test]
    fn what_cannot_work_is_named() {
        fn check(toml: &str, key: &str) {
            let error = format!("{:#}", load(toml).unwrap_err());
            assert!(error.contains(key), "`{toml}` gave: {error}");
        }
        check("[server]\nlisten = 'everywhere'", "server.listen");
        check("[server]\nlisten = '127.0.0.1:80'\nport = 80", "port");
        check("[server]\npublic_url = 'shop.example'", "server.public_url");
        check("[server]\npublic_url = 'https://shop.example/'", "server.public_url");
        check("[grpc]\nlisten = '50051'", "grpc.listen");
        check("[provider]\nkind = 'paypal'", "provider.kind");
        check("[provider]\nurl = 'http://bank.example'", "provider.api_key");
        check("[smtp]\nhost = 'mail.example'", "smtp.from");
        check("[smtp]\ntls = 'sometimes'", "smtp.tls");
        check("mode = 'live'", "provider.kind");
        check("mode = 'serious'", "mode");
        let stripe = "kind = 'stripe'\napi_key = 'sk_live_1'\nwebhook_secret = 'whsec_1'";
        check(&format!("mode = 'live'\n[provider]\n{stripe}"), "beacon");
        let stripe = stripe.replace("live", "test");
        check(&format!("demo = true\n[provider]\n{stripe}"), "demo");
        check("demo = true\n[server]\nlisten = '0.0.0.0:5000'", "demo");
        check("dmeo = true", "dmeo");
        check("[giveaway.database]\nurls = 'x'", "urls");
    }

    #[test]
    fn a_file_that_was_named_must_exist() {
        assert!(Config::load(Some(Path::new("/nonexistent/handsel.toml")), &[]).is_err());
    }

    #[test]
    fn flags_win() {
        let flags = [("server.listen", Value::from("127.0.0.1:6000"))];
        let config = Config::load(None, &flags).unwrap();
        assert_eq!(config.server.listen.port(), 6000);
    }
}
