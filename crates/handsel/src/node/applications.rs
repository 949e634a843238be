//! Builds the three applications and connects them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use async_trait::async_trait;
use axum::Router;
use contracts::{
    giftcard::giftcard_service_server,
    giveaway::{account_service_server, giveaway_service_server},
    lane,
    processor::{analytics_service_server, mail_service_server, realtime_service_server},
};
use durable_grpc::{Calls, Worker, WorkerHandle};
use giveaway_api::beacon::SandboxBeacon;
use job_processor::gateway::{self, Gateway, GatewayDeps};
use platform::{
    Clock, Shutdown, grpc,
    health::{Checked, Health},
    http::AdminTokenHash,
    metrics,
    roles::{Limits, Roles},
    rpc::ServiceCredential,
    token::hash_bearer,
};
use tonic::service::Routes;

use super::{bank::ConnectedProvider, databases::Databases, secrets::Secrets};
use crate::{
    calls,
    config::Config,
    stores::{Place, open_store},
};

/// The applications and what connects them. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Applications {
    databases: Databases,
    calls: Calls,
    admin: AdminTokenHash,
    limits: Arc<dyn Limits>,
    giveaway: Arc<giveaway_api::App>,
    giftcard: Arc<giftcard_api::App>,
    processor: job_processor::App,
    gateway: Gateway,
}

/// What all applications are given alike.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) config: &'a Config,
    pub(crate) clock: &'a Clock,
    pub(crate) shutdown: &'a Shutdown,
    pub(crate) roles: &'a Roles,
    pub(crate) secrets: &'a Secrets,
    pub(crate) provider: &'a ConnectedProvider,
    pub(crate) public_url: &'a str,
}

/// The call queue's file in a data folder.
pub(crate) fn calls_file(data_dir: &Path) -> PathBuf {
    data_dir.join("calls.db")
}

/// Opens the call queue, which no other process may have open. Calls are sealed, so that nobody else
/// who writes into it is believed.
///
/// # Errors
/// When another process has it, or the file is not usable.
pub(crate) async fn open_calls(
    data_dir: &Path,
    credential: &ServiceCredential,
) -> anyhow::Result<Calls> {
    let store = open_store(&Place::Sqlite(calls_file(data_dir))).await?;
    let calls = Calls::builder_shared(store).descriptors(contracts::FILE_DESCRIPTOR_SET);
    Ok(calls.mac_key(credential.mac_key()).build()?)
}

impl Applications {
    /// Builds all three. What one asks of another directly goes over the same routes as its durable
    /// calls, through the same verification.
    ///
    /// # Errors
    /// Says which application could not be built.
    pub(crate) async fn build(
        around: &Surroundings<'_>,
        calls: Calls,
        databases: Databases,
    ) -> anyhow::Result<Self> {
        let processor = processor(around, &databases).context("job-processor")?;
        let giftcard = giftcard(around, &calls, &databases).await.context("giftcard-api")?;
        let direct = |lane: &str, routes: &Routes| {
            let credential = &around.secrets.credential;
            let channel = calls.direct(lane, &credential.in_process(routes));
            channel.credential(credential.header())
        };
        let admin_token_hash = hash_bearer(around.secrets.admin_token.reveal());
        let deps = giveaway_api::Deps {
            db: databases.giveaway.clone(),
            clock: around.clock.clone(),
            shutdown: around.shutdown.clone(),
            calls: calls.clone(),
            giftcard: direct(lane::GIFTCARD, &giftcard.grpc),
            processor: direct(lane::PROCESSOR, &processor.grpc),
            provider: around.provider.provider.clone(),
            beacon: Arc::new(SandboxBeacon::of_installation(&around.secrets.beacon)?),
            instance_key: around.secrets.instance.clone(),
            link_key: around.secrets.links.clone(),
            account_key: around.secrets.accounts.clone(),
            admin_token_hash,
            roles: around.roles.clone(),
        };
        let config = giveaway_api::Config {
            mode: around.config.mode,
            public_url: around.public_url.to_owned(),
            // The same origin serves it.
            gateway_url: String::new(),
            publish_timeout_seconds: around.config.giveaway.publish_timeout_seconds,
            payment_sweep_seconds: around.config.giveaway.payment_sweep_seconds,
            payout_cooling_hours: around.config.giveaway.payout_cooling_hours,
        };
        let giveaway = giveaway_api::build(config, deps).await.context("giveaway-api")?;
        processor.connect_owner("giveaway", direct(lane::GIVEAWAY, &giveaway.grpc));
        giftcard.connect_accounts(direct(lane::GIVEAWAY, &giveaway.grpc));
        let deps = GatewayDeps {
            shutdown: around.shutdown.clone(),
            bus: around.roles.bus.clone(),
            giveaway: direct(lane::GIVEAWAY, &giveaway.grpc),
            giftcard: direct(lane::GIFTCARD, &giftcard.grpc),
        };
        let gateway = gateway::build(&around.config.gateway, deps).context("gateway")?;
        let (giveaway, giftcard) = (Arc::new(giveaway), Arc::new(giftcard));
        let admin = AdminTokenHash(admin_token_hash);
        let limits = around.roles.limits.clone();
        Ok(Self { databases, calls, admin, limits, giveaway, giftcard, processor, gateway })
    }

    /// A link that makes the first administrator; none when there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn first_admin_link(&self) -> anyhow::Result<Option<String>> {
        let link = giveaway_api::actions::account::first_admin::first_admin_link;
        Ok(link(&self.giveaway.service).await?)
    }

    /// Starts the background loops. They end with the shutdown.
    pub(crate) fn start(&self) {
        self.giftcard.start();
        self.giveaway.start();
        self.gateway.start();
    }

    /// Executes the calls of all lanes in this process.
    ///
    /// The job processor has a worker of its own, with fewer slots, and so has the gateway.
    pub(crate) fn spawn_workers(&self, secrets: &Secrets) -> [WorkerHandle; 3] {
        let worker = || Worker::builder(&self.calls).credential(secrets.credential.header());
        [
            worker()
                .lane(lane::GIVEAWAY, secrets.credential.in_process(&self.giveaway.grpc))
                .lane(lane::GIFTCARD, secrets.credential.in_process(&self.giftcard.grpc))
                .spawn(),
            worker()
                .slots(job_processor::SLOTS)
                .lane(lane::PROCESSOR, secrets.credential.in_process(&self.processor.grpc))
                .spawn(),
            // Its own, as in a fleet: news must not wait for mails.
            worker()
                .lane(lane::REALTIME, secrets.credential.in_process(&self.gateway.grpc))
                .spawn(),
        ]
    }

    /// The HTTP routes of all three, and of the queue between them.
    pub(crate) fn router(&self) -> Router {
        calls::router(self.calls.clone(), self.admin, self.limits.clone())
            .merge(metrics::router(self.admin))
            .merge(self.giveaway.router.clone())
            .merge(self.giftcard.router.clone())
            .merge(self.processor.router.clone())
            .merge(self.gateway.router.clone())
    }

    /// The gRPC services of all three.
    pub(crate) fn grpc(&self, secrets: &Secrets) -> grpc::Services {
        let routes = vec![
            (giveaway_service_server::SERVICE_NAME, self.giveaway.grpc.clone()),
            (account_service_server::SERVICE_NAME, self.giveaway.grpc.clone()),
            (giftcard_service_server::SERVICE_NAME, self.giftcard.grpc.clone()),
            (mail_service_server::SERVICE_NAME, self.processor.grpc.clone()),
            (analytics_service_server::SERVICE_NAME, self.processor.grpc.clone()),
            (realtime_service_server::SERVICE_NAME, self.gateway.grpc.clone()),
        ];
        let credential = secrets.credential.clone();
        grpc::Services { routes, descriptors: contracts::FILE_DESCRIPTOR_SET, credential }
    }

    /// Closes the databases.
    pub(crate) async fn close(self) {
        self.databases.close().await;
    }
}

#[async_trait]
impl Checked for Applications {
    async fn check(&self) -> Health {
        let mut health = Health::good();
        for (service, db) in self.databases.all() {
            health = health.and(Health::of_database(service, db).await);
        }
        for (service, db) in self.databases.with_money() {
            health = health.and(Health::of_quarantine(service, db).await);
        }
        health
            .and(Health::of_calls(&self.calls).await)
            .and(self.processor.check().await)
            .and(self.gateway.check())
    }
}

fn processor(
    around: &Surroundings<'_>,
    databases: &Databases,
) -> anyhow::Result<job_processor::App> {
    let config =
        job_processor::Config { smtp: around.config.smtp.clone(), mailbox: around.config.demo };
    let deps = job_processor::Deps {
        db: databases.processor.clone(),
        clock: around.clock.clone(),
        shutdown: around.shutdown.clone(),
        roles: around.roles.clone(),
    };
    job_processor::build(config, deps)
}

async fn giftcard(
    around: &Surroundings<'_>,
    calls: &Calls,
    databases: &Databases,
) -> anyhow::Result<giftcard_api::App> {
    let wanted = &around.config.giftcard;
    let config = giftcard_api::Config {
        public_url: around.public_url.to_owned(),
        reveal_minutes: wanted.reveal_minutes,
        resolve_after_seconds: wanted.resolve_after_seconds,
        payout_cooling_hours: wanted.payout_cooling_hours,
        settlement: wanted.settlement.clone(),
    };
    let deps = giftcard_api::Deps {
        db: databases.giftcard.clone(),
        clock: around.clock.clone(),
        shutdown: around.shutdown.clone(),
        calls: calls.clone(),
        provider: around.provider.provider.clone(),
        keys: around.secrets.keys.clone(),
        mode: around.config.mode,
        admin_token_hash: hash_bearer(around.secrets.admin_token.reveal()),
        roles: around.roles.clone(),
    };
    giftcard_api::build(config, deps).await
}
