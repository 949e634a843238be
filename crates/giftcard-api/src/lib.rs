//! Merchants, products, escrows, cards, redemptions and settlements.
//!
//! | module | what it holds |
//! |---|---|
//! | `http` | the HTTP interface: one file per endpoint, `mod.rs` lists every route |
//! | `pages` | the till and the card's page, with their templates |
//! | `rpc` | the gRPC service: translate, call an action, translate back |
//! | `actions` | one file per use case: load, decide, save in one transaction |
//! | `domain` | types and decisions: pure |
//! | `store` | entities and queries: the only place with SQL |
//! | `migrations` | the tables |
//! | `views` | what answers show of rows |
//! | `scans` | the loops that look for what is due |
//! | [`audit`] | the invariants of money that this service can check alone |
//! | `known_bad` | ways to be wrong on purpose, for the fault campaign |
//! | `attempts`, `secrets` | limits on guessing codes, and how codes are kept |
//! | [`process`] | all of it as a process of its own |
//! | `config`, `service`, `error` | what can be configured, what actions share, how they fail |

mod actions;
mod app;
mod attempts;
pub mod audit;
mod config;
mod domain;
mod error;
mod http;
mod known_bad;
mod migrations;
mod pages;
pub mod process;
mod rpc;
mod scans;
mod secrets;
mod service;
#[expect(unreachable_pub, reason = "the entities' derive makes their parts public")]
mod store;
#[cfg(test)]
mod tests;
mod views;

pub use app::{App, Deps, build};
pub use config::{Config, SettlementConfig};
pub use http::document;
#[cfg(feature = "known-bad")]
pub use known_bad::KnownBad;
pub use migrations::Migrator;
pub use service::KEYS;
