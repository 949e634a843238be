//! The gateway: holds connections, and executes the calls of its own lane and no others. It has no rows.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use axum::Router;
use contracts::{lane, processor::realtime_service_server};
use durable_grpc::{Calls, Worker};
use ledger::Mode;
use platform::{
    health::{Checked, Health},
    process::{
        Offer, Process, Told,
        settings::{self, Internal, Log, Peer, Redis, Server},
    },
};
use serde::{Deserialize, Serialize};

use crate::gateway::{Gateway, GatewayConfig, GatewayDeps, build};

/// Everything that the process can be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Test or live money.
    pub mode: Mode,
    /// The folder with the installation's keys.
    pub keys_dir: PathBuf,
    /// For browsers and programs.
    pub server: Server,
    /// Health and metrics.
    pub admin: Internal,
    /// For the other applications.
    pub grpc: Internal,
    /// The queue of calls, and what gateways tell each other.
    pub redis: Redis,
    /// Where giveaway-api is.
    pub giveaway: Peer,
    /// Where giftcard-api is.
    pub giftcard: Peer,
    /// How many connections, and how they are looked after.
    pub gateway: GatewayConfig,
    /// What is logged.
    pub log: Log,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Test,
            keys_dir: PathBuf::from("keys"),
            server: Server::at(5_003),
            admin: Internal::at(5_103),
            grpc: Internal::at(50_054),
            redis: Redis::default(),
            giveaway: Peer::at(50_051),
            giftcard: Peer::at(50_052),
            gateway: GatewayConfig::default(),
            log: Log::default(),
        }
    }
}

impl settings::Settings for Settings {
    fn check(&self) -> anyhow::Result<()> {
        self.told().check()?;
        self.giveaway.endpoints("giveaway")?;
        self.giftcard.endpoints("giftcard")?;
        self.gateway.check()
    }
}

impl Settings {
    fn told(&self) -> Told<'_> {
        Told {
            service: "gateway",
            mode: self.mode.as_str(),
            keys_dir: &self.keys_dir,
            database: None,
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
    let process = Process::start(settings.told()).await?;
    let deps = GatewayDeps {
        shutdown: process.shutdown.clone(),
        bus: process.roles.bus.clone(),
        giveaway: process.unguarded("giveaway", &settings.giveaway)?,
        giftcard: process.unguarded("giftcard", &settings.giftcard)?,
    };
    let gateway = build(&settings.gateway, deps)?;
    gateway.start();
    let worker = Worker::builder(&process.calls)
        .credential(process.credential.header())
        .lane(lane::REALTIME, process.credential.in_process(&gateway.grpc))
        .spawn();
    let offer = Offer {
        http: gateway.router.clone(),
        admin: Router::new(),
        services: vec![(realtime_service_server::SERVICE_NAME, gateway.grpc.clone())],
    };
    let health = Parts { gateway, calls: process.calls.clone() };
    process.run(offer, Arc::new(health), vec![worker]).await
}

/// What `/readyz` asks.
struct Parts {
    gateway: Gateway,
    calls: Calls,
}

#[async_trait]
impl Checked for Parts {
    async fn check(&self) -> Health {
        self.gateway.check().and(Health::of_calls(&self.calls).await)
    }
}
