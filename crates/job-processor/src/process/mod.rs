//! The job processor as a process of its own, in one of two modes, and any number of each.

pub mod gateway;
pub mod worker;

use clap::ValueEnum;
use platform::process::Start;

/// How the job processor is started, as its command line says.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// What it does
    #[arg(long, value_enum, default_value_t = Mode::Worker)]
    pub mode: Mode,
    #[command(flatten)]
    start: Start,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Execute durable calls; told by job-processor.toml
    Worker,
    /// Hold Socket.IO connections, and execute the calls that tell them news; told by gateway.toml
    Gateway,
}

impl Arguments {
    /// Loads what a process of this mode is told, checks it, and runs it until it ends.
    ///
    /// # Errors
    /// Says what is wrong with the configuration, or keeps it from starting.
    pub fn run(self) -> anyhow::Result<()> {
        match self.mode {
            Mode::Worker => self.start.run("job-processor", worker::run),
            Mode::Gateway => self.start.run("gateway", gateway::run),
        }
    }
}
