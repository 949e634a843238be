//! All in one process, and the command line.
//!
//! | module | what it holds |
//! |---|---|
//! | `cli` | the command line, in words |
//! | `config` | the configuration of everything in one process |
//! | `node` | how the parts are put together, started and stopped |
//! | `serve` | `handsel serve`: a node until it is told to stop |
//! | `demo` | `handsel demo`: the whole story over HTTP, on a node with a movable clock |
//! | `verify` | `handsel verify`: checks a draw, offline |
//! | `admin` | `handsel admin`: how an installation gets its administrators |
//! | `audit` | `handsel audit`: what each service checks alone, and what only all books together show |
//! | `backup`, `quarantine` | copies of the databases, and what a restored one may not do yet |
//! | `calls` | `handsel calls`: dead letters and lanes, through the running server or its file |
//! | `reference` | `handsel openapi`, and the pages at `/api`: the documents of all APIs |
//! | `bench` | `handsel bench`: figures of this machine, as ratios of one run |
//! | `stores` | opens call stores |
//! | `keys` | what the applications of a fleet share |
//! | `migrate_data` | from SQLite files to PostgreSQL |
//! | `migrate`, `show_config`, `sandbox_bank` | the other commands |
//! | `out` | where results are printed |
//!
//! This is the only crate that sees all three applications; none of them knows it.

mod admin;
mod audit;
mod backup;
mod bench;
mod calls;
mod cli;
mod config;
mod demo;
mod keys;
mod migrate;
mod migrate_data;
mod node;
mod out;
mod quarantine;
mod reference;
mod sandbox_bank;
mod serve;
mod show_config;
mod stores;
mod verify;

use std::{future::Future, process::ExitCode};

use anyhow::Context as _;
use clap::Parser as _;
use platform::telemetry::{self, Format};

use cli::{Cli, Command};

/// A command could not do its work, as opposed to: it did, and the answer is no.
const EXIT_TROUBLE: u8 = 2;

/// What commands log that are not servers: only what is wrong.
const QUIET: &str = "warn";

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(args) => in_runtime(serve::run(args)),
        Command::Demo(args) => quiet(demo::run(args)),
        Command::Verify(args) => verify::run(args),
        Command::Audit(args) => quiet(audit::run(args)),
        Command::Backup(args) => quiet(backup::run(args)),
        Command::Quarantine(command) => quiet(quarantine::run(command)),
        Command::Migrate(args) => quiet(migrate::run(args)),
        Command::MigrateData(args) => quiet(migrate_data::run(args)),
        Command::GiveawayApi(start) => ended(start.run("giveaway-api", giveaway_api::process::run)),
        Command::GiftcardApi(start) => ended(start.run("giftcard-api", giftcard_api::process::run)),
        Command::JobProcessor(arguments) => ended(arguments.run()),
        Command::Gateway(start) => {
            ended(start.run("gateway", job_processor::process::gateway::run))
        }
        Command::Admin(command) => quiet(admin::run(command)),
        Command::Keys(command) => keys::run(command),
        Command::Config(command) => show_config::run(command),
        Command::Calls(command) => quiet(calls::run(command)),
        Command::Openapi { api } => Ok(reference::run(api)),
        Command::Bench(command) => quiet(bench::run(command)),
        Command::SandboxBank(args) => in_runtime(sandbox_bank::run(args)),
    };
    outcome.unwrap_or_else(|error| {
        out::aside(format_args!("error: {error:#}"));
        ExitCode::from(EXIT_TROUBLE)
    })
}

/// An application of a fleet, as its own binary runs it, has ended well if it has no error.
fn ended(outcome: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    outcome.map(|()| ExitCode::SUCCESS)
}

fn quiet(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| QUIET.to_owned());
    telemetry::init(&filter, Format::Text)?;
    in_runtime(command)
}

fn in_runtime(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(command)
}
