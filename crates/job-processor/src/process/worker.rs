//! The worker: executes the calls of all lanes but that of the gateways, those of other applications by their
//! gRPC ports.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use axum::Router;
use contracts::{
    lane,
    processor::{analytics_service_server, mail_service_server},
};
use durable_grpc::{Calls, Worker};
use ledger::Mode;
use platform::{
    Db,
    db::DbConfig,
    health::{Checked, Health},
    process::{
        Offer, Process, Told,
        settings::{self, Internal, Log, Peer, Redis},
    },
};
use serde::{Deserialize, Serialize};

use crate::{App, Config, Deps, Migrator, SLOTS, SmtpConfig, build};

/// Everything that the process can be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Test or live money.
    pub mode: Mode,
    /// The folder with the installation's keys.
    pub keys_dir: PathBuf,
    /// Health and metrics.
    pub admin: Internal,
    /// For the other applications.
    pub grpc: Internal,
    /// PostgreSQL; the tables are in the schema `processor`.
    pub database: DbConfig,
    /// The queue of calls.
    pub redis: Redis,
    /// Where giveaway-api is.
    pub giveaway: Peer,
    /// Where giftcard-api is.
    pub giftcard: Peer,
    /// The mail server.
    pub smtp: SmtpConfig,
    /// Show mails at `/dev/mail` of the admin port instead of sending them: for trying things out.
    pub mailbox: bool,
    /// What is logged.
    pub log: Log,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Test,
            keys_dir: PathBuf::from("keys"),
            admin: Internal::at(5_001),
            grpc: Internal::at(50_053),
            database: DbConfig::default(),
            redis: Redis::default(),
            giveaway: Peer::at(50_051),
            giftcard: Peer::at(50_052),
            smtp: SmtpConfig::default(),
            mailbox: false,
            log: Log::default(),
        }
    }
}

impl settings::Settings for Settings {
    fn check(&self) -> anyhow::Result<()> {
        self.told().check()?;
        self.giveaway.endpoints("giveaway")?;
        self.giftcard.endpoints("giftcard")?;
        self.smtp.check()?;
        // Whoever reaches it reads every mail, with its links.
        anyhow::ensure!(
            !self.mailbox || self.admin.listen.ip().is_loopback(),
            "mailbox: needs admin.listen on this machine only, such as 127.0.0.1:5001, and not {}",
            self.admin.listen
        );
        anyhow::ensure!(
            !self.mailbox || self.mode == Mode::Test,
            "mailbox: is for mode = \"test\" only"
        );
        Ok(())
    }
}

impl Settings {
    fn told(&self) -> Told<'_> {
        Told {
            service: "processor",
            mode: self.mode.as_str(),
            keys_dir: &self.keys_dir,
            database: Some(&self.database),
            redis: &self.redis,
            server: None,
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
    let config = Config { smtp: settings.smtp, mailbox: settings.mailbox };
    let deps = Deps {
        db: db.clone(),
        clock: process.clock.clone(),
        shutdown: process.shutdown.clone(),
        roles: process.roles.clone(),
    };
    let app = build(config, deps)?;
    app.connect_owner("giveaway", process.direct("giveaway", lane::GIVEAWAY, &settings.giveaway)?);
    let worker = || Worker::builder(&process.calls).credential(process.credential.header());
    let workers = vec![
        worker()
            .lane(lane::GIVEAWAY, process.target("giveaway", &settings.giveaway)?)
            .lane(lane::GIFTCARD, process.target("giftcard", &settings.giftcard)?)
            .spawn(),
        worker()
            .slots(SLOTS)
            .lane(lane::PROCESSOR, process.credential.in_process(&app.grpc))
            .spawn(),
    ];
    let offer = Offer {
        http: Router::new(),
        admin: app.router.clone(),
        services: vec![
            (mail_service_server::SERVICE_NAME, app.grpc.clone()),
            (analytics_service_server::SERVICE_NAME, app.grpc.clone()),
        ],
    };
    let health = Parts { app, db, calls: process.calls.clone() };
    process.run(offer, Arc::new(health), workers).await
}

/// What `/readyz` asks.
struct Parts {
    app: App,
    db: Db,
    calls: Calls,
}

#[async_trait]
impl Checked for Parts {
    async fn check(&self) -> Health {
        Health::of_database("processor", &self.db)
            .await
            .and(Health::of_calls(&self.calls).await)
            .and(self.app.check().await)
    }
}
