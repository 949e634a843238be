//! The command line of `handsel calls`, in words.

use clap::{Args, Subcommand};
use durable_grpc::CallId;

use super::actions::{PAGE, Wanted};
use crate::cli::Sources;

/// `handsel calls …`
#[derive(Debug, Subcommand)]
pub(crate) enum CallsCommand {
    /// List the dead letters, oldest first
    ///
    /// A dead letter is a call that was given up: it expired, spent its attempts, was refused while
    /// nobody waited, or may have been executed and must not be repeated (ambiguous). It waits here
    /// until it is replayed or discarded.
    #[command(after_help = "\
Examples:
  handsel calls list
  handsel calls list --lane giftcard --limit 10 --json

`next` in the JSON is what --after takes for the next page; it is null on the last one.")]
    List(ListArgs),

    /// Show one call, dead or not
    ///
    /// Never what it carries: of its message only the length and the SHA-256 are told.
    #[command(after_help = "\
Example:
  handsel calls show 0198f7a1-6f0e-7c3a-9d55-0d2c8b7f1e21")]
    Show(OneArgs),

    /// Run a dead letter again, under the same id and key
    ///
    /// Its attempts are forgotten and it gets as long as it had at first. Replaying a call that may
    /// have been executed (ambiguous) may execute it twice.
    #[command(after_help = "\
Example:
  handsel calls replay 0198f7a1-6f0e-7c3a-9d55-0d2c8b7f1e21

Exit codes: 0 replayed, 1 refused (there is no such dead letter), 2 it could not be asked.")]
    Replay(OneArgs),

    /// End a dead letter for good
    ///
    /// Whoever submits its key again is told that it was discarded, for a day.
    #[command(after_help = "\
Example:
  handsel calls discard 0198f7a1-6f0e-7c3a-9d55-0d2c8b7f1e21 --yes

Exit codes: 0 discarded, 1 refused (there is no such dead letter), 2 it could not be asked.")]
    Discard(DiscardArgs),

    /// Tell how each lane stands
    #[command(after_help = "\
Example:
  handsel calls stats --json

ready: due now; later: waits for its time or the next try; running: in the hands of a worker;
dead: waits for you. Expired and answered count since the queue was opened.")]
    Stats(StatsArgs),
}

/// Which calls: those of a data folder, or those on a Redis server.
#[derive(Debug, Args)]
pub(crate) struct Queue {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub(super) sources: Sources,
    /// The calls on this Redis server instead of those of a data folder
    #[arg(long, value_name = "URL", env = "HANDSEL_CALLS_REDIS_URL", hide_env_values = true)]
    pub(super) redis_url: Option<String>,
}

/// `handsel calls list`
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Which calls.
    #[command(flatten)]
    queue: Queue,
    /// Only those of this lane
    #[arg(long)]
    lane: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = PAGE,
        value_parser = clap::value_parser!(u16).range(1..=i64::from(PAGE)))]
    limit: u16,
    /// Only those after this one: the next page
    #[arg(long, value_name = "ID")]
    after: Option<CallId>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// `handsel calls show`, `handsel calls replay`
#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// The call's id, as `handsel calls list`, errors and logs show it
    pub(super) id: CallId,
    /// Which calls.
    #[command(flatten)]
    queue: Queue,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// `handsel calls discard`
#[derive(Debug, Args)]
pub(crate) struct DiscardArgs {
    /// Which call.
    #[command(flatten)]
    pub(super) one: OneArgs,
    /// It is meant: the call will never run
    #[arg(long)]
    pub(super) yes: bool,
}

/// `handsel calls stats`
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Which calls.
    #[command(flatten)]
    queue: Queue,
    /// Print one JSON array
    #[arg(long)]
    pub(super) json: bool,
}

impl CallsCommand {
    /// Which calls.
    pub(super) fn queue(&self) -> &Queue {
        match self {
            Self::List(args) => &args.queue,
            Self::Show(args) | Self::Replay(args) => &args.queue,
            Self::Discard(args) => &args.one.queue,
            Self::Stats(args) => &args.queue,
        }
    }
}

impl ListArgs {
    /// Which page.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted { lane: self.lane.clone(), after: self.after, limit: self.limit }
    }
}
