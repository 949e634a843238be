//! A process that is one application of a fleet: what it is told, what it stands on, how it starts and
//! how it ends.
//!
//! | what | where |
//! |---|---|
//! | the command line | [`main()`], [`Start`] |
//! | sections of the configuration | [`settings`] |
//! | keys, database, calls, ports | [`Process::start`] |
//! | other applications | [`Process::direct`], [`Process::target`] |
//! | what it offers, until it ends | [`Process::run`] |

mod command;
pub mod settings;

pub use command::{Start, main};

use std::{net::SocketAddr, path::Path, sync::Arc};

use anyhow::Context as _;
use axum::Router;
use durable_grpc::{Calls, DirectChannel, RedisOptions, Target, WorkerHandle};
use futures::future::join_all;
use sea_orm_migration::MigratorTrait;
use tokio::net::TcpListener;
use tonic::service::Routes;

use self::settings::{Internal, Log, Peer, Redis, Server};
use crate::{
    Clock, Db, Shutdown,
    config::{Secret, check_public_url},
    db::{DbConfig, check_postgres_url},
    grpc,
    health::{self, Checked, MoneyService},
    http::{self, AdminTokenHash, TrustedProxies, edge},
    keys::{Key, KeyDir},
    metrics,
    roles::Roles,
    rpc::ServiceCredential,
    telemetry,
    token::hash_bearer,
};

/// What every application of a fleet stands on.
#[derive(Debug)]
pub struct Process {
    /// The time.
    pub clock: Clock,
    /// Ends everything.
    pub shutdown: Shutdown,
    /// The installation's keys.
    pub keys: KeyDir,
    /// What proves that a call is of this installation.
    pub credential: ServiceCredential,
    /// Durable calls, through Redis.
    pub calls: Calls,
    /// Who the administrator is.
    pub admin: AdminTokenHash,
    /// What the instances share, at Redis.
    pub roles: Roles,
    service: &'static str,
    db: Option<Db>,
    ports: Ports,
    proxies: TrustedProxies,
    descriptors: &'static [u8],
}

/// What [`Process::start`] is told.
#[derive(Debug)]
pub struct Told<'a> {
    /// The service, whose name its schema has.
    pub service: &'static str,
    /// `test` or `live`: part of the administrator's token.
    pub mode: &'a str,
    /// The folder with the installation's keys, the same for all applications.
    pub keys_dir: &'a Path,
    /// Where its rows are, if it has any.
    pub database: Option<&'a DbConfig>,
    /// Where calls are kept.
    pub redis: &'a Redis,
    /// The port for people and programs, if there is one.
    pub server: Option<&'a Server>,
    /// The port for health and metrics.
    pub admin: &'a Internal,
    /// The port for the other applications.
    pub grpc: &'a Internal,
    /// What is logged.
    pub log: &'a Log,
    /// The contracts.
    pub descriptors: &'static [u8],
}

/// The ports, bound before anything works: a second process at the same ports must fail before it has
/// taken work upon itself.
#[derive(Debug)]
struct Ports {
    http: Option<TcpListener>,
    admin: TcpListener,
    grpc: TcpListener,
}

/// What a process offers at its ports.
#[derive(Debug)]
pub struct Offer {
    /// For people and programs; empty where there is no port for them.
    pub http: Router,
    /// Besides health and metrics, at the port for the installation's own machines.
    pub admin: Router,
    /// The gRPC services, by their full names.
    pub services: Vec<(&'static str, Routes)>,
}

/// The administrator's token follows from a key, so that all applications of an installation know it.
pub fn admin_token(mode: &str, key: &Key) -> Secret {
    let secret = hex::encode(key.derive("admin token").reveal());
    Secret::new(format!("hs_{mode}_{secret}"))
}

impl Ports {
    async fn bind(told: &Told<'_>) -> anyhow::Result<Self> {
        let bind = async |key: &str, address: SocketAddr| {
            let listener = TcpListener::bind(address).await;
            listener.with_context(|| format!("{key}: cannot listen at {address}"))
        };
        let http = match told.server {
            Some(server) => Some(bind("server.listen", server.listen).await?),
            None => None,
        };
        let admin = bind("admin.listen", told.admin.listen).await?;
        Ok(Self { http, admin, grpc: grpc::listen(told.grpc.listen).await? })
    }
}

impl Told<'_> {
    /// Whether a process can stand on it, as far as that shows before any server is asked.
    ///
    /// # Errors
    /// Names the key and what is wrong with it.
    pub fn check(&self) -> anyhow::Result<()> {
        // What one application refuses alone, another would go on without.
        anyhow::ensure!(
            self.mode != "live",
            "mode: `live` does not take the sandbox beacon, and there is no other yet"
        );
        if let Some(server) = self.server {
            check_public_url(&server.public_url)?;
        }
        self.redis.url()?;
        let Some(database) = self.database else { return Ok(()) };
        anyhow::ensure!(
            !database.url.is_empty(),
            "database.url: is needed, as postgres://user:password@host/database: an SQLite file cannot be \
             shared by the instances of a fleet"
        );
        check_postgres_url(database.url.reveal()).context("database.url")
    }
}

impl Process {
    /// Starts logging, counting and listening to signals, loads what the applications share, joins the
    /// queue of calls and takes the ports.
    ///
    /// # Errors
    /// Names the key of the configuration, or the file, that does not do.
    pub async fn start(told: Told<'_>) -> anyhow::Result<Self> {
        let url = told.redis.url()?;
        telemetry::init(&told.log.filter, told.log.format)?;
        let shutdown = Shutdown::new();
        shutdown.on_signals()?;
        metrics::install(&shutdown)?;
        let keys = KeyDir::shared(told.keys_dir)?;
        let credential = ServiceCredential::new(&keys.key("service")?);
        let admin = admin_token(told.mode, &keys.key("admin")?);
        let store = RedisOptions::default().require_durable().connect(url).await;
        let store = store.context("redis.url")?;
        let calls = Calls::builder(store)
            .descriptors(told.descriptors)
            .mac_key(credential.mac_key())
            .build()?;
        Ok(Self {
            clock: Clock::system(),
            shutdown,
            keys,
            credential,
            calls,
            admin: AdminTokenHash(hash_bearer(admin.reveal())),
            roles: Roles::redis(url).context("redis.url")?,
            service: told.service,
            db: None,
            ports: Ports::bind(&told).await?,
            proxies: told.server.map(|server| server.trusted_proxies.clone()).unwrap_or_default(),
            descriptors: told.descriptors,
        })
    }

    /// Opens the service's schema, which must be up to date: others may run on it that know only the one
    /// before. It is closed when the process ends.
    ///
    /// # Errors
    /// When it cannot be reached, or lacks a migration.
    pub async fn open<M: MigratorTrait>(&mut self, config: &DbConfig) -> anyhow::Result<Db> {
        let service = self.service;
        let db = Db::postgres(config.url.reveal(), service, config.max_connections)
            .await
            .context("database.url")?;
        let pending = db.pending::<M>().await?;
        anyhow::ensure!(
            pending.is_empty(),
            "the database of `{service}` lacks the migrations {}; run `handsel migrate`",
            pending.join(", ")
        );
        self.db = Some(db.clone());
        Ok(db)
    }

    /// Where calls to an application are executed. `key` is its section of the configuration.
    ///
    /// # Errors
    /// Names the URL that is none.
    pub fn target(&self, key: &str, peer: &Peer) -> anyhow::Result<Target> {
        Ok(Target::remote(peer.endpoints(key)?))
    }

    /// Queries to an application, which is told who asks. `key` is its section of the configuration.
    ///
    /// # Errors
    /// Names the URL that is none.
    pub fn direct(&self, key: &str, lane: &str, peer: &Peer) -> anyhow::Result<DirectChannel> {
        let target = self.target(key, peer)?;
        Ok(self.calls.direct(lane, &target).credential(self.credential.header()))
    }

    /// The same without a breaker, for who asks again and again anyway, and must notice at once that the
    /// application is back.
    ///
    /// # Errors
    /// Names the URL that is none.
    pub fn unguarded(&self, key: &str, peer: &Peer) -> anyhow::Result<DirectChannel> {
        Ok(self.target(key, peer)?.channel().credential(self.credential.header()))
    }

    /// How a service with money in it stands.
    pub fn money_service(&self, db: Db) -> Arc<dyn Checked> {
        let calls = self.calls.clone();
        Arc::new(MoneyService { name: self.service, db, calls })
    }

    /// Serves until somebody wants an end; then the workers finish or give back what they have claimed,
    /// what else was begun is finished within a limit, and the database is closed.
    ///
    /// # Errors
    /// When the services cannot be served.
    pub async fn run(
        self,
        offer: Offer,
        checked: Arc<dyn Checked>,
        workers: Vec<WorkerHandle>,
    ) -> anyhow::Result<()> {
        let Self { shutdown, ports, db, proxies, .. } = self;
        let http = ports.http.as_ref().map(TcpListener::local_addr).transpose()?;
        let (grpc, admin) = (ports.grpc.local_addr()?, ports.admin.local_addr()?);
        let services = grpc::Services {
            routes: offer.services,
            descriptors: self.descriptors,
            credential: self.credential,
        };
        grpc::serve(ports.grpc, services, &shutdown).await?;
        let routes = health::router(checked).merge(metrics::router(self.admin)).merge(offer.admin);
        // Nobody is limited there, so that it does not matter who asks.
        http::serve(ports.admin, edge(routes), TrustedProxies::default(), &shutdown);
        if let Some(listener) = ports.http {
            http::serve(listener, edge(offer.http), proxies, &shutdown);
        }
        let http = http.map(tracing::field::display);
        tracing::info!(http, %grpc, %admin, "ready");
        shutdown.requested().await;
        tracing::info!("stopping");
        join_all(workers.into_iter().map(WorkerHandle::shutdown)).await;
        if !shutdown.stop().await {
            tracing::warn!("some work did not end in time; others go on with it");
        }
        if let Some(db) = db {
            db.close().await;
        }
        Ok(())
    }
}
