//! giveaway-api as a process of its own, one of any number on the same database.

use std::{path::PathBuf, sync::Arc};

use axum::Router;
use contracts::{
    giveaway::{account_service_server, giveaway_service_server},
    lane,
    realtime::room_service_server,
};
use draw::signing::InstanceKey;
use ledger::Mode;
use platform::{
    db::DbConfig,
    process::{
        Offer, Process, Told,
        settings::{self, Internal, Log, Peer, Redis, Server},
    },
    provider::ProviderSettings,
};
use serde::{Deserialize, Serialize};

use crate::{Config, Deps, Migrator, beacon::SandboxBeacon, build};

/// The keys that every instance of an installation shares, by their names in the folder of keys.
pub const KEYS: [&str; 4] = [LINKS, INSTANCE, BEACON, ACCOUNTS];

/// Signs mailed links.
pub const LINKS: &str = "links";
const INSTANCE: &str = "instance";
const BEACON: &str = "beacon";

/// Seals the secrets of accounts.
pub const ACCOUNTS: &str = "accounts";

/// Everything that the process can be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Test or live money.
    pub mode: Mode,
    /// The folder with the installation's keys.
    pub keys_dir: PathBuf,
    /// For hosts and entrants.
    pub server: Server,
    /// Health and metrics.
    pub admin: Internal,
    /// For the other applications.
    pub grpc: Internal,
    /// PostgreSQL; the tables are in the schema `giveaway`.
    pub database: DbConfig,
    /// The queue of calls.
    pub redis: Redis,
    /// Where giftcard-api is.
    pub giftcard: Peer,
    /// Where the job processor is.
    pub processor: Peer,
    /// Where wallets are topped up.
    pub provider: ProviderSettings,
    /// Where browsers reach the gateway, if not at the address of the pages.
    pub gateway_url: String,
    /// How long publishing may try to reserve the prizes before it gives up and refunds.
    pub publish_timeout_seconds: u32,
    /// How often the provider's payments are listed for what its messages lost.
    pub payment_sweep_seconds: u32,
    /// How long a host's new payout destination waits until it counts.
    pub payout_cooling_hours: u32,
    /// What is logged.
    pub log: Log,
}

impl Default for Settings {
    fn default() -> Self {
        let Config {
            publish_timeout_seconds,
            payment_sweep_seconds,
            payout_cooling_hours,
            mode,
            public_url: _,
            gateway_url,
        } = Config::default();
        Self {
            mode,
            keys_dir: PathBuf::from("keys"),
            server: Server::at(5_000),
            admin: Internal::at(5_100),
            grpc: Internal::at(50_051),
            database: DbConfig::default(),
            redis: Redis::default(),
            giftcard: Peer::at(50_052),
            processor: Peer::at(50_053),
            provider: ProviderSettings::default(),
            gateway_url,
            publish_timeout_seconds,
            payment_sweep_seconds,
            payout_cooling_hours,
            log: Log::default(),
        }
    }
}

impl settings::Settings for Settings {
    fn check(&self) -> anyhow::Result<()> {
        self.told().check()?;
        self.giftcard.endpoints("giftcard")?;
        self.processor.endpoints("processor")?;
        self.provider.check(self.mode == Mode::Live)?;
        self.provider.connect()?;
        self.config().check()
    }
}

impl Settings {
    fn config(&self) -> Config {
        Config {
            mode: self.mode,
            public_url: self.server.public_url.clone(),
            gateway_url: self.gateway_url.clone(),
            publish_timeout_seconds: self.publish_timeout_seconds,
            payment_sweep_seconds: self.payment_sweep_seconds,
            payout_cooling_hours: self.payout_cooling_hours,
        }
    }

    fn told(&self) -> Told<'_> {
        Told {
            service: "giveaway",
            mode: self.mode.as_str(),
            keys_dir: &self.keys_dir,
            database: Some(&self.database),
            redis: &self.redis,
            server: Some(&self.server),
            admin: &self.admin,
            grpc: &self.grpc,
            log: &self.log,
            descriptors: contracts::FILE_DESCRIPTOR_SET,
        }
    }
}

/// Runs until SIGINT or SIGTERM.
///
/// # Errors
/// Says what keeps it from starting.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let mut process = Process::start(settings.told()).await?;
    let db = process.open::<Migrator>(&settings.database).await?;
    let keys = &process.keys;
    let deps = Deps {
        db: db.clone(),
        clock: process.clock.clone(),
        shutdown: process.shutdown.clone(),
        calls: process.calls.clone(),
        giftcard: process.direct("giftcard", lane::GIFTCARD, &settings.giftcard)?,
        processor: process.direct("processor", lane::PROCESSOR, &settings.processor)?,
        provider: settings.provider.connect()?,
        beacon: Arc::new(SandboxBeacon::of_installation(&keys.key(BEACON)?)?),
        instance_key: InstanceKey::from_seed(keys.key(INSTANCE)?.reveal()),
        link_key: keys.key(LINKS)?,
        account_key: keys.key(ACCOUNTS)?,
        admin_token_hash: process.admin.0,
        roles: process.roles.clone(),
    };
    let app = build(settings.config(), deps).await?;
    app.start();
    let offer = Offer {
        http: app.router.clone(),
        admin: Router::new(),
        services: vec![
            (giveaway_service_server::SERVICE_NAME, app.grpc.clone()),
            (account_service_server::SERVICE_NAME, app.grpc.clone()),
            (room_service_server::SERVICE_NAME, app.grpc.clone()),
        ],
    };
    let health = process.money_service(db);
    process.run(offer, health, Vec::new()).await
}
