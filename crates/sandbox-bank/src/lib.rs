//! A payment provider for tests and first steps: a real HTTP server with its own durable log, and
//! faults on demand. No real money moves in it, but everything else behaves as at a provider:
//! hosted pay pages, idempotency keys with a lifetime, signed webhooks that are repeated until
//! they are accepted, listings, chargebacks, transfers that are pending first.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | keys, addresses and lifetimes of one bank |
//! | [`bank`] | the bank: open the file, serve, deliver |
//! | `server` | the accept loop, and how a connection is cut without an answer |
//! | `operation` | one request from key to stored answer, with the faults on its way |
//! | `http`, `pages` | the API and the hosted pay page |
//! | `actions` | what happens: open a checkout, pay, transfer, refund, charge back |
//! | `domain` | amounts, states and their transitions, [`Fault`]s: pure |
//! | `error` | why the bank does not do something |
//! | `store` | the only place with SQL |
//! | `webhooks`, `plans` | what happens later: deliveries, and pending things that move on |
//!
//! **The promise.** The effect of a request, its entry in the log, the answer stored under its
//! idempotency key and the webhooks that it causes are written in one transaction and synced to
//! the disk before anything is answered. A crash at any point neither loses nor doubles an effect.
//! `GET /v1/log` therefore is the oracle of every test about money.
//!
//! **Faults** (`POST /v1/test/faults`) are rows too: the next `count` requests of the named kind
//! meet them, also after a restart. See [`Fault`] for the list.

mod actions;
pub mod bank;
pub mod config;
mod domain;
mod error;
mod http;
mod operation;
mod pages;
mod plans;
mod server;
mod signature;
mod store;
mod webhooks;

pub use bank::Bank;
pub use config::{BankConfig, Clock};
pub use domain::fault::{Fault, FaultOrder, Target};
