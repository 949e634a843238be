//! The `handsel` command line. Everything is in the library, where it can be tested.

use std::process::ExitCode;

fn main() -> ExitCode {
    handsel::run()
}
