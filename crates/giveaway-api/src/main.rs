//! `giveaway-api`: hosts, wallets, giveaways, entries and draws, as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    platform::process::main(
        "giveaway-api",
        "Hosts, wallets, giveaways, entries, draws and winners",
        giveaway_api::process::run,
    )
}
