//! `giftcard-api`: merchants, cards, redemptions and settlements, as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    platform::process::main(
        "giftcard-api",
        "Merchants, products, escrows, cards, redemptions and settlements",
        giftcard_api::process::run,
    )
}
