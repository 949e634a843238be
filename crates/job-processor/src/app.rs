//! From configuration and dependencies to routes.

use std::sync::Arc;

use axum::Router;
use contracts::processor::{
    analytics_service_server::AnalyticsServiceServer, mail_service_server::MailServiceServer,
};
use durable_grpc::DirectChannel;
use platform::{Clock, Db, Shutdown, health::Health, roles::Roles, scan::Scans};
use tokio::sync::Semaphore;
use tonic::service::Routes;

use crate::{
    actions, config::Config, http, owners::Owners, rpc::Rpc, smtp::Smtp, store, under_way::UnderWay,
};

/// Calls of the job processor's lane that a worker executes at a time: a batch of mails is real work,
/// and many at once would only make each other late, and be tried again for nothing.
pub const SLOTS: usize = 4;

/// Batches of mails at a time. A giveaway's close asks for a mail to every entrant at once: hundreds
/// of batches side by side would all miss their deadlines and begin again, a few after each other
/// take a second or two.
const BATCHES: usize = 4;

/// What the job processor stands on.
#[derive(Clone, Debug)]
pub struct Deps {
    /// Its own database, already migrated with [`crate::Migrator`].
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Stops the background loops.
    pub shutdown: Shutdown,
    /// What its instances share.
    pub roles: Roles,
}

/// The job processor, ready to be served.
#[derive(Clone, Debug)]
pub struct App {
    /// `MailService` and `AnalyticsService`, to be put behind the verification of callers.
    pub grpc: Routes,
    /// The mailbox, in demo mode; empty otherwise.
    pub router: Router,
    state: Arc<State>,
}

/// What actions work with.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) owners: Owners,
    pub(crate) under_way: UnderWay,
    /// Batches that are rendered and sent at a time.
    pub(crate) batches: Semaphore,
    pub(crate) delivery: Delivery,
}

/// Where mails go.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// To a mail server.
    Smtp(Smtp),
    /// Into rows that can be read at `/dev/mail`.
    Mailbox,
    /// Nowhere yet: kept by their ids until a mail server is configured.
    Kept,
}

/// Builds the job processor.
///
/// # Errors
/// When the configuration of the mail server cannot work.
pub fn build(config: Config, deps: Deps) -> anyhow::Result<App> {
    config.smtp.check()?;
    let delivery = if config.smtp.is_configured() {
        Delivery::Smtp(Smtp::new(&config.smtp)?)
    } else if config.mailbox {
        Delivery::Mailbox
    } else {
        tracing::warn!("no mail server is configured (smtp.host): mails wait until there is one");
        Delivery::Kept
    };
    let state = Arc::new(State {
        db: deps.db,
        clock: deps.clock.clone(),
        owners: Owners::default(),
        under_way: UnderWay::default(),
        batches: Semaphore::new(BATCHES),
        delivery,
    });
    let rpc = Rpc(state.clone());
    let grpc = Routes::new(MailServiceServer::new(rpc.clone()))
        .add_service(AnalyticsServiceServer::new(rpc));
    let router = if config.mailbox { http::router(state.clone()) } else { Router::new() };
    let Deps { clock, shutdown, roles, .. } = deps;
    let scans = Scans { service: "processor", clock, shutdown, leases: roles.leases };
    actions::spawn_background(&state, &scans);
    Ok(App { grpc, router, state })
}

impl App {
    /// Says where the owner named in mail calls is asked to render them. Until then its mails wait.
    pub fn connect_owner(&self, owner: &str, channel: DirectChannel) {
        self.state.owners.connect(owner, channel);
    }

    /// Whether mails are delivered, for `/readyz`. The database is asked besides.
    pub async fn check(&self) -> Health {
        let counts = match store::mails::counts(self.state.db.read()).await {
            Ok(counts) => counts,
            Err(error) => {
                tracing::error!(%error, "the mails cannot be counted");
                return Health::problem("the job processor does not answer");
            }
        };
        let mut health = Health::good();
        if matches!(self.state.delivery, Delivery::Kept) {
            health.warnings.push(format!(
                "no mail server is configured (smtp.host); {} mails wait for one",
                counts.undelivered
            ));
        }
        if counts.failed > 0 {
            let warning = format!("{} mails could not be delivered for good", counts.failed);
            health.warnings.push(warning);
        }
        health
    }
}
