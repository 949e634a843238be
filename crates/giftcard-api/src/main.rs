//! `giftcard-api`: merchants, cards, redemptions and settlements, as a process of its own.

use std::process::ExitCode;

use platform::process::{self, Start};

fn main() -> ExitCode {
    process::main(
        "giftcard-api",
        "Merchants, products, escrows, cards, redemptions and settlements",
        |start: Start| start.run("giftcard-api", giftcard_api::process::run),
    )
}
