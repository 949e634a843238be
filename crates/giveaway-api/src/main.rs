//! `giveaway-api`: hosts, wallets, giveaways, entries and draws, as a process of its own.

use std::process::ExitCode;

use platform::process::{self, Start};

fn main() -> ExitCode {
    process::main(
        "giveaway-api",
        "Hosts, wallets, giveaways, entries, draws and winners",
        |start: Start| start.run("giveaway-api", giveaway_api::process::run),
    )
}
