//! Builds the three applications and connects them.

use std::{
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use axum::Router;
use contracts::{
    giftcard::giftcard_service_server,
    giveaway::giveaway_service_server,
    lane,
    processor::{analytics_service_server, mail_service_server},
};
use draw::{beacon::Sandbox, moment::Moment};
use durable_grpc::{Calls, Target, Worker, WorkerHandle, server::TraceLayer};
use giveaway_api::beacon::SandboxBeacon;
use platform::{Clock, Shutdown, rpc::ServiceCredential, token::hash_bearer};
use sea_orm::ConnectionTrait as _;
use tonic::service::Routes;
use tower::Layer as _;

use super::{bank::ConnectedProvider, databases::Databases, secrets::Secrets};
use crate::{
    admin::AdminTokenHash,
    calls,
    config::Config,
    metrics,
    stores::{Place, open_store},
};

/// Batches of mails that are sent at a time.
const PROCESSOR_SLOTS: usize = 4;

/// When round 1 of the sandbox beacon was. Part of the chain's identity, so it never changes.
const BEACON_GENESIS: u64 = 1_692_803_367;

/// Seconds between rounds of the sandbox beacon, as on drand's quicknet.
const BEACON_PERIOD: NonZeroU32 = NonZeroU32::new(3).unwrap();

/// The applications and what connects them. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Applications {
    databases: Databases,
    calls: Calls,
    admin: AdminTokenHash,
    giveaway: Arc<giveaway_api::App>,
    giftcard: Arc<giftcard_api::App>,
    processor: job_processor::App,
}

/// What all applications are given alike.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) config: &'a Config,
    pub(crate) clock: &'a Clock,
    pub(crate) shutdown: &'a Shutdown,
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
            let channel = calls.direct(lane, &target(routes, credential));
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
            beacon: Arc::new(sandbox_beacon(around.secrets)?),
            instance_key: around.secrets.instance.clone(),
            link_key: around.secrets.links.clone(),
            admin_token_hash,
        };
        let config = giveaway_api::Config {
            mode: around.config.mode,
            public_url: around.public_url.to_owned(),
            publish_timeout_seconds: around.config.giveaway.publish_timeout_seconds,
            payment_sweep_seconds: around.config.giveaway.payment_sweep_seconds,
            payout_cooling_hours: around.config.giveaway.payout_cooling_hours,
        };
        let giveaway = giveaway_api::build(config, deps).await.context("giveaway-api")?;
        processor.connect_owner("giveaway", direct(lane::GIVEAWAY, &giveaway.grpc));
        let (giveaway, giftcard) = (Arc::new(giveaway), Arc::new(giftcard));
        let admin = AdminTokenHash(admin_token_hash);
        Ok(Self { databases, calls, admin, giveaway, giftcard, processor })
    }

    /// Starts the background loops. They end with the shutdown.
    pub(crate) fn start(&self) {
        self.giftcard.start();
        self.giveaway.start();
    }

    /// Executes the calls of all lanes in this process.
    ///
    /// The job processor has a worker of its own: a batch of mails is real work, so only a few run
    /// at a time. Many at once would only make each other late, and be tried again for nothing.
    pub(crate) fn spawn_workers(&self, secrets: &Secrets) -> [WorkerHandle; 2] {
        let worker = || Worker::builder(&self.calls).credential(secrets.credential.header());
        [
            worker()
                .lane(lane::GIVEAWAY, target(&self.giveaway.grpc, &secrets.credential))
                .lane(lane::GIFTCARD, target(&self.giftcard.grpc, &secrets.credential))
                .spawn(),
            worker()
                .slots(PROCESSOR_SLOTS)
                .lane(lane::PROCESSOR, target(&self.processor.grpc, &secrets.credential))
                .spawn(),
        ]
    }

    /// The HTTP routes of all three, and of the queue between them.
    pub(crate) fn router(&self) -> Router {
        calls::router(self.calls.clone(), self.admin)
            .merge(metrics::router(self.admin))
            .merge(self.giveaway.router.clone())
            .merge(self.giftcard.router.clone())
            .merge(self.processor.router.clone())
    }

    /// The gRPC services of all three, by their names.
    pub(crate) fn grpc(&self) -> Vec<(&'static str, Routes)> {
        vec![
            (giveaway_service_server::SERVICE_NAME, self.giveaway.grpc.clone()),
            (giftcard_service_server::SERVICE_NAME, self.giftcard.grpc.clone()),
            (mail_service_server::SERVICE_NAME, self.processor.grpc.clone()),
            (analytics_service_server::SERVICE_NAME, self.processor.grpc.clone()),
        ]
    }

    /// What does not answer, and what an operator should know although everything does.
    pub(crate) async fn check(&self) -> (Vec<String>, Vec<String>) {
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        for (service, db) in self.databases.all() {
            if let Err(error) = db.read().execute_unprepared("SELECT 1").await {
                tracing::error!(service, %error, "database does not answer");
                problems.push(format!("the database of {service} does not answer"));
            }
        }
        for (service, db) in self.databases.with_money() {
            match platform::quarantine::find(db.read()).await {
                Ok(None) => {}
                Ok(Some(quarantine)) => {
                    warnings.push(format!("{service} is in quarantine: {}", quarantine.reason));
                }
                Err(error) => {
                    tracing::error!(service, %error, "whether there is a quarantine is unknown");
                    problems.push(format!("the database of {service} does not answer"));
                }
            }
        }
        match self.calls.stats().await {
            Ok(lanes) => {
                warnings.extend(lanes.into_iter().filter(|lane| lane.dead > 0).map(|lane| {
                    format!("{} calls of the lane {} wait for an operator", lane.dead, lane.lane)
                }))
            }
            Err(error) => {
                tracing::error!(%error, "call queue does not answer");
                problems.push("the call queue does not answer".to_owned());
            }
        }
        match self.processor.warnings().await {
            Ok(more) => warnings.extend(more),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "job processor does not answer");
                problems.push("the job processor does not answer".to_owned());
            }
        }
        (problems, warnings)
    }

    /// Closes the databases.
    pub(crate) async fn close(self) {
        self.databases.close().await;
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
    };
    giftcard_api::build(config, deps).await
}

/// An application's services, as the gRPC port has them too: behind the verification, and within the
/// trace of whoever calls. Repeats are left to the services: each command leaves one effect however
/// often it comes, and attempts in this process do not outlive their worker, so none are concurrent.
fn target(routes: &Routes, credential: &ServiceCredential) -> Target {
    let services = TraceLayer.layer(routes.clone().prepare());
    Target::in_process(credential.verification().layer(services))
}

fn sandbox_beacon(secrets: &Secrets) -> anyhow::Result<SandboxBeacon> {
    let genesis =
        Moment::from_unix_seconds(BEACON_GENESIS).context("the beacon's genesis is no date")?;
    Ok(SandboxBeacon(Sandbox::from_seed(secrets.beacon.reveal(), genesis, BEACON_PERIOD)))
}
