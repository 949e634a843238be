//! giftcard-api as a process of its own, one of any number on the same database.

use std::path::PathBuf;

use axum::Router;
use contracts::{giftcard::giftcard_service_server, lane, realtime::room_service_server};
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

use crate::{Config, Deps, Migrator, SettlementConfig, build};

/// Everything that the process can be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Test or live money.
    pub mode: Mode,
    /// The folder with the installation's keys.
    pub keys_dir: PathBuf,
    /// For tills, winners and merchants.
    pub server: Server,
    /// Health and metrics.
    pub admin: Internal,
    /// For the other applications.
    pub grpc: Internal,
    /// PostgreSQL; the tables are in the schema `giftcard`.
    pub database: DbConfig,
    /// The queue of calls.
    pub redis: Redis,
    /// Where giveaway-api is, which knows who is signed in.
    pub giveaway: Peer,
    /// Who pays merchants.
    pub provider: ProviderSettings,
    /// How long a link that reveals a card works.
    pub reveal_minutes: u32,
    /// When giveaway-api is asked what became of prizes that were reserved and not paid for.
    pub resolve_after_seconds: u32,
    /// How long a merchant's new payout destination waits until it counts.
    pub payout_cooling_hours: u32,
    /// When and how merchants are paid.
    pub settlement: SettlementConfig,
    /// What is logged.
    pub log: Log,
}

impl Default for Settings {
    fn default() -> Self {
        let Config {
            reveal_minutes,
            resolve_after_seconds,
            payout_cooling_hours,
            settlement,
            public_url: _,
        } = Config::default();
        Self {
            mode: Mode::Test,
            keys_dir: PathBuf::from("keys"),
            server: Server::at(5_002),
            admin: Internal::at(5_102),
            grpc: Internal::at(50_052),
            database: DbConfig::default(),
            redis: Redis::default(),
            giveaway: Peer::at(50_051),
            provider: ProviderSettings::default(),
            reveal_minutes,
            resolve_after_seconds,
            payout_cooling_hours,
            settlement,
            log: Log::default(),
        }
    }
}

impl settings::Settings for Settings {
    fn check(&self) -> anyhow::Result<()> {
        self.told().check()?;
        self.giveaway.endpoints("giveaway")?;
        self.provider.check(self.mode == Mode::Live)?;
        self.provider.connect()?;
        self.config().check()
    }
}

impl Settings {
    fn config(&self) -> Config {
        Config {
            public_url: self.server.public_url.clone(),
            reveal_minutes: self.reveal_minutes,
            resolve_after_seconds: self.resolve_after_seconds,
            payout_cooling_hours: self.payout_cooling_hours,
            settlement: self.settlement.clone(),
        }
    }

    fn told(&self) -> Told<'_> {
        Told {
            service: "giftcard",
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
    let deps = Deps {
        db: db.clone(),
        clock: process.clock.clone(),
        keys: process.keys.clone(),
        mode: settings.mode,
        shutdown: process.shutdown.clone(),
        calls: process.calls.clone(),
        provider: settings.provider.connect()?,
        admin_token_hash: process.admin.0,
        roles: process.roles.clone(),
    };
    let app = build(settings.config(), deps).await?;
    app.connect_accounts(process.direct("giveaway", lane::GIVEAWAY, &settings.giveaway)?);
    app.start();
    let offer = Offer {
        http: app.router.clone(),
        admin: Router::new(),
        services: vec![
            (giftcard_service_server::SERVICE_NAME, app.grpc.clone()),
            (room_service_server::SERVICE_NAME, app.grpc.clone()),
        ],
    };
    let health = process.money_service(db);
    process.run(offer, health, Vec::new()).await
}
