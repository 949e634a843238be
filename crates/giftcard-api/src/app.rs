//! Puts the service together.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Context as _;
use contracts::{
    giftcard::giftcard_service_server::GiftcardServiceServer,
    realtime::room_service_server::RoomServiceServer,
};
use durable_grpc::{Calls, DirectChannel, Relay};
use ledger::Mode;
use platform::{
    Clock, Db, Shutdown, keys::KeyDir, outbox::SqlOutbox, provider::Provider, roles::Roles,
};
use tonic::service::Routes;

use crate::{
    actions::{resolve_escrows::Decisions, take_answers::TakeAnswers, take_over::take_over},
    attempts::AttemptLimits,
    config::Config,
    domain::books::Books,
    http,
    known_bad::Misbehaviour,
    migrations, pages,
    rpc::Rpc,
    scans,
    secrets::CardSecrets,
    service::{Service, Shared, Wakers},
};

/// What giftcard-api is given.
#[derive(Debug)]
pub struct Deps {
    /// Its database, migrated with [`crate::Migrator`].
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Where its keys are, and are made at first start.
    pub keys: KeyDir,
    /// Test or live money.
    pub mode: Mode,
    /// When to stop.
    pub shutdown: Shutdown,
    /// Durable calls, for the outbox.
    pub calls: Calls,
    /// Who pays merchants.
    pub provider: Arc<dyn Provider>,
    /// SHA-256 of the administrator's token.
    pub admin_token_hash: [u8; 32],
    /// What its instances share.
    pub roles: Roles,
}

/// giftcard-api, ready to be served.
pub struct App {
    /// HTTP interface and pages. [`platform::http::edge`] is for whoever serves it.
    pub router: axum::Router,
    /// The gRPC service, with health and reflection. The process adds the verification of callers.
    pub grpc: Routes,
    service: Shared,
    shutdown: Shutdown,
    calls: Calls,
    relay: Mutex<Option<Relay>>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

/// Builds the application, for one process. Nothing runs before [`App::start`].
///
/// # Errors
/// When the configuration is unusable, a key file is, or the database lacks what keeps money safe.
pub async fn build(config: Config, deps: Deps) -> anyhow::Result<App> {
    config.check()?;
    anyhow::ensure!(
        deps.mode == Mode::Test || !deps.provider.is_test(),
        "live mode refuses the provider {}, which moves no money",
        deps.provider.name()
    );
    let missing = migrations::missing_guards(deps.db.read()).await.context("cannot read guards")?;
    anyhow::ensure!(missing.is_empty(), "the database lacks the guards {}", missing.join(", "));
    let service: Shared = Arc::new(Service {
        config,
        db: deps.db,
        clock: deps.clock,
        books: Books { mode: deps.mode },
        provider: deps.provider,
        secrets: CardSecrets::load(&deps.keys)?,
        link_key: Service::load_link_key(&deps.keys)?,
        admin_token_hash: deps.admin_token_hash,
        limits: AttemptLimits(deps.roles.limits.clone()),
        roles: deps.roles,
        accounts: OnceLock::new(),
        wakers: Wakers::default(),
        misbehaviour: Misbehaviour::default(),
    });
    take_over(&service).await.context("cannot take over what was under way")?;
    Ok(App {
        router: http::router(service.roles.limits.clone())
            .merge(pages::router())
            .with_state(service.clone()),
        grpc: grpc(&service).await?,
        service,
        shutdown: deps.shutdown,
        calls: deps.calls,
        relay: Mutex::default(),
    })
}

impl App {
    #[cfg(test)]
    pub(crate) fn service(&self) -> &Shared {
        &self.service
    }

    /// Lets merchants who are signed in with an account stand at the till: giveaway-api knows them. It is
    /// built later than this application where both are in one process. Without it the till takes tokens
    /// alone.
    pub fn connect_accounts(&self, giveaway: DirectChannel) {
        // A second connection would be the same one.
        drop(self.service.accounts.set(giveaway));
    }

    /// Makes this process wrong on purpose.
    #[cfg(feature = "known-bad")]
    pub fn misbehave(&self, bad: crate::KnownBad) {
        self.service.misbehaviour.choose(bad);
    }

    /// Starts the scans and the relay of the outbox. They end with the shutdown.
    pub fn start(&self) {
        scans::spawn(&self.service, &self.calls, &self.shutdown);
        let decisions = Decisions {
            clock: self.service.clock.clone(),
            ask_again_ms: i64::from(self.service.config.resolve_after_seconds) * 1_000,
        };
        let answers = TakeAnswers(decisions);
        let outbox = SqlOutbox::new(self.service.db.clone(), self.service.clock.clone(), answers);
        let relay = Relay::builder(&self.calls, Arc::new(outbox)).spawn();
        *self.relay.lock().unwrap_or_else(PoisonError::into_inner) = Some(relay.clone());
        let stop = self.shutdown.clone();
        self.shutdown.spawn(async move {
            stop.requested().await;
            relay.shutdown().await;
        });
    }
}

async fn grpc(service: &Shared) -> anyhow::Result<Routes> {
    let giftcards = GiftcardServiceServer::new(Rpc(service.clone()));
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<GiftcardServiceServer<Rpc>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(contracts::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    Ok(Routes::new(giftcards)
        .add_service(RoomServiceServer::new(Rpc(service.clone())))
        .add_service(health_service)
        .add_service(reflection)
        .prepare())
}
