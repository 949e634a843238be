//! Executes durable calls that belong to no other application: mail and analytics.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | the mail server, and whether mails stay readable here instead |
//! | [`app`] | [`build`]: from configuration and dependencies to routes |
//! | [`gateway`] | Socket.IO connections: the other mode |
//! | [`process`] | all of it as a process of its own, with the workers of all lanes |
//! | `rpc` | the gRPC services: translate, call an action, translate back |
//! | `http` | the mailbox at `/dev/mail`, in demo mode only |
//! | `actions` | one file per use case: load, decide, save |
//! | `domain` | what becomes of a mail, and how counts add up: pure |
//! | `smtp` | the mail server as we see it |
//! | `owners` | who renders the mails: asked directly, at the moment of sending |
//! | `under_way` | which mails are being sent right now |
//! | `store` | the only place with SQL |
//! | `migrations` | the schema |
//!
//! **Mails.** A call carries a template and ids. The address, the text and the links are asked of
//! the owning service when the mail is sent, so that no queue ever holds them. A mail is recorded
//! under its id once it was handed over; a repeated call sends what is missing and nothing else.
//! Between the mail server's acceptance and our record lies a moment in which a crash makes the
//! mail go out twice; it then carries the same `Message-ID`, which is all that mail can offer.

mod actions;
pub mod app;
pub mod config;
mod domain;
pub mod gateway;
mod http;
mod migrations;
mod owners;
pub mod process;
mod rpc;
mod smtp;
mod store;
mod under_way;

pub use app::{App, Deps, SLOTS, build};
pub use config::{Config, SmtpConfig, SmtpTls};
pub use migrations::Migrator;
