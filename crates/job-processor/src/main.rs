//! `job-processor`: executes durable calls, or holds connections, as a process of its own.

use std::process::ExitCode;

use job_processor::process::Arguments;

fn main() -> ExitCode {
    platform::process::main(
        "job-processor",
        "Executes durable calls, or holds the connections of those who watch",
        Arguments::run,
    )
}
