//! Hosts, wallets, giveaways, entries, draws and winners.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`], [`service`] | settings, what the process gives us, what every action works with |
//! | [`http`] | one file per endpoint; `http/mod.rs` lists every route |
//! | `pages` | server-rendered pages, templates beside them |
//! | `rpc` | the gRPC service: translate, call an action, translate back |
//! | [`actions`] | one file per use case: load, decide, save in one transaction |
//! | [`domain`] | types and decisions: pure |
//! | [`store`] | entities and queries: the only place with SQL |
//! | [`migrations`] | the tables |
//! | `scans` | due times are rows: the loops that look for them |
//! | [`audit`] | what must always hold, and what the whole needs to check it |
//! | [`beacon`] | where public randomness comes from |
//! | [`sample`] | made-up entrants, for rehearsals and as a check |
//! | [`passwords`], [`account_secrets`] | how passwords are hashed, and what else of accounts is secret |
//! | `known_bad` | ways to be wrong on purpose, for the fault campaign |
//! | [`process`] | all of it as a process of its own |
//! | [`ids`], [`error`] | names of things, and why an action did nothing |

pub mod account_secrets;
pub mod actions;
pub mod audit;
pub mod beacon;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod ids;
mod known_bad;
pub mod migrations;
mod pages;
pub mod passwords;
pub mod process;
mod rpc;
pub mod sample;
mod scans;
pub mod service;
pub mod store;

use std::sync::Arc;

pub use config::Config;
pub use error::Error;
#[cfg(feature = "known-bad")]
pub use known_bad::KnownBad;
pub use migrations::Migrator;
pub use service::{Deps, Service};

/// The application, ready to be served.
pub struct App {
    /// Its HTTP routes, with complete paths.
    pub router: axum::Router,
    /// Its gRPC services; the process adds the verification of callers.
    pub grpc: tonic::service::Routes,
    /// What its actions work with.
    pub service: Arc<Service>,
}

impl App {
    /// Makes this process wrong on purpose.
    #[cfg(feature = "known-bad")]
    pub fn misbehave(&self, bad: KnownBad) {
        self.service.misbehaviour.choose(bad);
    }

    /// Starts the background loops: scans and the outbox relay. They end with the shutdown.
    pub fn start(&self) {
        scans::start(&self.service);
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("service", &self.service).finish_non_exhaustive()
    }
}

/// Builds the application on a migrated database.
///
/// # Errors
/// When the settings do not go together, or live mode was given parts that serve tests only.
pub async fn build(config: Config, mut deps: Deps) -> anyhow::Result<App> {
    config.check()?;
    deps.db = deps.db.cached_by(deps.roles.cache.clone());
    if config.mode == ledger::Mode::Live {
        anyhow::ensure!(!deps.provider.is_test(), "live mode does not take the sandbox bank");
        anyhow::ensure!(
            !deps.beacon.chain().is_sandbox(),
            "live mode does not take the sandbox beacon"
        );
    }
    let missing = migrations::missing_guards(deps.db.read()).await?;
    anyhow::ensure!(missing.is_empty(), "the database lacks the triggers {}", missing.join(", "));
    let service = Service::new(config, deps);
    actions::drive_saga::take_over(&service).await?;
    actions::send_withdrawal::take_over(&service).await?;
    let router = http::router(&service).merge(pages::router(&service));
    Ok(App { router, grpc: rpc::routes(&service).await?, service })
}
