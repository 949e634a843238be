//! `handsel bench …`: figures of this machine, as ratios of one run.
//!
//! | module | what it holds |
//! |---|---|
//! | `args` | the command line of the benches, in words |
//! | `calls` | `bench calls`: durable calls, direct calls, or both in turn |
//! | `money` | `bench money`: transfers through the ledger, beside a loop without books |
//! | `audit`, `copies` | `bench audit`: an audit of large books, and how they come to be |
//! | `entries` | `bench entries`: people who enter over HTTP |
//! | `gateway`, `crowd` | `bench gateway`: connections in a room, beside the usual server for Node.js |
//! | `database` | a database on PostgreSQL that goes with the run |
//! | `setup` | what is measured, with its store, worker and callee |
//! | `load` | keeps calls in flight and records how long each took |
//! | `report` | what is printed |
//! | `echo` | the callee and the client, generated from `echo.proto` |
//! | `part`, `roles` | the further processes: how one is started and ended, and what each does |

mod args;
mod audit;
mod calls;
mod copies;
mod crowd;
mod database;
mod echo;
mod entries;
mod gateway;
mod load;
mod money;
mod part;
mod report;
mod roles;
mod setup;

use std::process::ExitCode;

use platform::Shutdown;

pub(crate) use self::args::BenchCommand;

/// Measures and prints, or is a part of somebody else's measurement.
pub(crate) async fn run(command: BenchCommand) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    // Dropping what was under way ends the processes and removes the files that it had started with.
    tokio::select! {
        outcome = dispatch(command) => outcome,
        () = shutdown.requested() => anyhow::bail!("stopped before the end"),
    }
}

async fn dispatch(command: BenchCommand) -> anyhow::Result<ExitCode> {
    match command {
        BenchCommand::Calls(args) => calls::run(&args).await,
        BenchCommand::Money(args) => money::run(&args).await,
        BenchCommand::Audit(args) => audit::run(&args).await,
        BenchCommand::Entries(args) => entries::run(&args).await,
        BenchCommand::Gateway(args) => gateway::run(&args).await,
        BenchCommand::Part(role) => roles::play(role).await,
    }
}
