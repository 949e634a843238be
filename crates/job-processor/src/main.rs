//! `job-processor`: executes durable calls, as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    platform::process::main(
        "job-processor",
        "Executes durable calls: mail, analytics, and those of the other applications",
        job_processor::process::run,
    )
}
