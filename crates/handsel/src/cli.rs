//! The command line, in words.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use platform::process::Start;

/// Giveaways whose prizes are funded, whose draw anyone can check, and whose merchants are paid.
#[derive(Debug, Parser)]
#[command(
    name = "handsel",
    version,
    about,
    arg_required_else_help = true,
    after_help = "\
Begin with:
  handsel demo                       the whole story in a few seconds, with links to click
  handsel serve                      everything in one process, on http://127.0.0.1:5000
  handsel verify transcript.json     check a draw, offline

Configuration: defaults < handsel.toml < HANDSEL__SECTION__KEY in the environment < flags.
See `handsel config show`."
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process
    ///
    /// The giveaway and gift-card APIs with their pages, mail and analytics, the call queue and, unless
    /// another provider is configured, a sandbox bank: one process, embedded databases, one port.
    /// Missing databases and keys are made in the data folder; SQLite databases of an older version
    /// are brought up to date after a backup.
    #[command(after_help = "\
Examples:
  handsel serve
  handsel serve --data /var/lib/handsel --listen 0.0.0.0:5000
  HANDSEL__SMTP__HOST=mail.example HANDSEL__SMTP__FROM='Gifts <gifts@shop.example>' handsel serve

GET /livez says that the process runs, GET /readyz that it can work; GET /metrics, with the
administrator's token, what it counts.
The administrator's token is in the file `admin-token` of the data folder.")]
    Serve(ServeArgs),

    /// Tell the whole story with a real server, in a few seconds
    ///
    /// Makes a host, two merchants and their gift cards, tops up a wallet through the sandbox bank,
    /// publishes a funded giveaway, takes entries, closes it, draws, verifies the transcript, lets
    /// winners claim and alternates step in, redeems cards at the till, settles with the merchants
    /// and audits the books. Everything goes over HTTP as a host, a winner or a merchant would do it;
    /// only the clock is moved, so that two weeks pass in seconds.
    ///
    /// Killed at any moment and started again with the same --data, it goes on where it was.
    #[command(after_help = "\
Examples:
  handsel demo                                   then look around: links are printed
  handsel demo --exit                            end when the story is told
  handsel demo --entries entrants.csv --exit     with your own entrants
  handsel demo --postgres postgres://localhost/tale
  handsel demo --seed 7 --exit --json            a report for programs")]
    Demo(DemoArgs),

    /// Check a draw from its transcript, offline
    Verify(crate::verify::VerifyArgs),

    /// Check every invariant of the money, beside a running server
    ///
    /// Reads the databases of the data folder without changing them: that every transaction sums to
    /// zero, that balances are the sums of their entries, that card value is conserved, that both
    /// books of every escrow agree, that the bank's transfers and our settlements are one to one.
    #[command(after_help = "\
Examples:
  handsel audit
  handsel audit --data /var/lib/handsel --json
  handsel audit --watch              every minute; --watch 10 every ten seconds

Exit codes: 0 clean, 1 violations (each names its rows), 2 the audit itself failed. A watch that is
stopped ends with 1 if any of its runs had found a violation.")]
    Audit(AuditArgs),

    /// Copy the SQLite databases, beside a running server
    ///
    /// Each copy is consistent in itself, and those with money in them begin in quarantine: a server
    /// that is started on them moves no money outwards until `handsel quarantine lift`. Keys are not
    /// copied; without the folder `keys` the codes of cards cannot be read.
    #[command(after_help = "\
Examples:
  handsel backup --to /var/backups/handsel/2026-11-26

To restore: stop the server, put the copies in the place of the databases, start it, and when its
first sweep of the provider is over: handsel quarantine lift")]
    Backup(BackupArgs),

    /// Show, begin or lift the quarantine of a restored database
    ///
    /// A restored database does not know what happened after the copy was taken. In quarantine no
    /// transfer is sent, no money is taken for prizes and no card is issued.
    #[command(subcommand)]
    Quarantine(QuarantineCommand),

    /// Bring the databases up to date
    ///
    /// SQLite databases are backed up first. `handsel serve` does this by itself for SQLite; for
    /// PostgreSQL it is always an explicit step.
    #[command(after_help = "\
Examples:
  handsel migrate --dry-run      what would be applied
  handsel migrate")]
    Migrate(MigrateArgs),

    /// Move the rows of a data folder to PostgreSQL
    ///
    /// From the SQLite files of the data folder to the databases that are configured, whose roles must own
    /// their schemas. Nothing may run on either side. The files stay, and no server starts from them any
    /// more; the keys are needed there as well.
    #[command(after_help = "\
Examples:
  handsel migrate-data --dry-run      how many rows would be moved
  HANDSEL__GIVEAWAY__DATABASE__URL=postgres://handsel_owner@db/handsel \\
  HANDSEL__GIFTCARD__DATABASE__URL=postgres://handsel_owner@db/handsel \\
  HANDSEL__PROCESSOR__DATABASE__URL=postgres://handsel_owner@db/handsel \\
    handsel migrate-data --data handsel-data")]
    MigrateData(MigrateArgs),

    /// Run giveaway-api alone, as one of a fleet
    ///
    /// Hosts, wallets, giveaways, entries and draws, on PostgreSQL and Redis. Any number of them run on
    /// one database. The other applications are reached by gRPC.
    #[command(after_help = FLEET_HELP)]
    GiveawayApi(Start),

    /// Run giftcard-api alone, as one of a fleet
    ///
    /// Merchants, escrows, cards, redemptions and settlements, on PostgreSQL and Redis.
    #[command(after_help = FLEET_HELP)]
    GiftcardApi(Start),

    /// Run the job processor alone, as one of a fleet
    ///
    /// Executes the durable calls of all lanes: mail and analytics itself, the others by gRPC. In the mode
    /// `gateway` it holds the Socket.IO connections of those who watch instead.
    #[command(after_help = FLEET_HELP)]
    JobProcessor(job_processor::process::Arguments),

    /// Run a gateway alone, as one of a fleet: `job-processor --mode gateway`
    #[command(after_help = FLEET_HELP)]
    Gateway(Start),

    /// The people who look after the installation
    #[command(subcommand)]
    Admin(AdminCommand),

    /// The keys that the applications of a fleet share
    #[command(subcommand)]
    Keys(KeysCommand),

    /// Check or show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),

    /// Look after the calls between the services
    ///
    /// Goes through the running server of the data folder, or opens the queue when none runs.
    #[command(subcommand)]
    Calls(crate::calls::Command),

    /// Print the OpenAPI document of an API
    ///
    /// OpenAPI 3.1, made from the code: what a server of this version answers under
    /// /api/…/v1/openapi.json. A running server shows it at /api, to be read.
    #[command(after_help = "\
Examples:
  handsel openapi giveaway > giveaway.json")]
    Openapi {
        /// Which one
        api: crate::reference::Which,
    },

    /// Measure what this machine does
    #[command(subcommand)]
    Bench(crate::bench::BenchCommand),

    /// Run the test payment provider in a process of its own
    ///
    /// A real HTTP server with a durable log: pay pages, signed webhooks, transfers, and faults on
    /// demand (POST /v1/test/faults). No real money moves.
    #[command(after_help = "\
Examples:
  handsel sandbox-bank --data ./bank --webhook http://127.0.0.1:5000/api/giveaway/v1/webhooks/provider \\
                       --webhook http://127.0.0.1:5000/api/giftcard/v1/webhooks/provider
  then, with the two secrets that it wrote:
  HANDSEL__PROVIDER__URL=http://127.0.0.1:5010 \\
  HANDSEL__PROVIDER__API_KEY_FILE=./bank/api-key \\
  HANDSEL__PROVIDER__WEBHOOK_SECRET_FILE=./bank/webhook-secret handsel serve")]
    SandboxBank(SandboxBankArgs),
}

const FLEET_HELP: &str = "\
Configuration: defaults < FILE < HANDSEL__SECTION__KEY in the environment; secrets also as …_FILE.
docs/fleet.md tells what each application needs: keys (`handsel keys make`), PostgreSQL (brought up to
date by `handsel migrate`), Redis, the provider, and where the other applications are.";

/// `handsel keys …`
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make those that are missing, and the file `admin-token` beside them
    ///
    /// Every application of a fleet needs the same ones: copy the folder to each machine, readable by the
    /// application's user only. Keys that are there are never changed.
    Make {
        /// The folder; made if missing
        #[arg(long, value_name = "DIR", default_value = "keys")]
        dir: PathBuf,
    },
}

/// `handsel admin …`
#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Print a link that makes somebody an administrator
    ///
    /// Works beside a running server. The link works once, for a week: whoever follows it chooses a
    /// password, or uses the one of the account that they have. Without --email it is for the first
    /// administrator, and for whoever has it.
    #[command(after_help = "\
Examples:
  handsel admin create
  handsel admin create --email ada@example.org --data /var/lib/handsel")]
    Create {
        /// Where the configuration comes from.
        #[command(flatten)]
        sources: Sources,
        /// Whose link it is: nobody else can use it without this person's password
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// The folder of keys, in a fleet [default: `keys` in the data folder]
        #[arg(long, value_name = "DIR")]
        keys: Option<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Sources {
    /// Configuration file [default: handsel.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "HANDSEL_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of databases, keys and backups [default: handsel-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// `handsel serve`
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Where to listen [default: 127.0.0.1:5000]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
}

/// `handsel demo`
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Take the entries from this CSV file instead of making some up
    ///
    /// Columns: entered_at,email,name,country,birth_year,ip,verified,referred_by
    #[arg(long, value_name = "FILE")]
    pub(crate) entries: Option<PathBuf>,
    /// Makes the made-up entrants and every choice of the story repeatable
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many entrants to make up
    #[arg(long, value_name = "N", default_value_t = 2_000, conflicts_with = "entries")]
    pub(crate) rows: u32,
    /// Keep everything in this folder, and go on where an earlier run stopped
    /// [default: a fresh folder below handsel-data/demo]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Keep the services' rows in this PostgreSQL database, and not in SQLite files
    ///
    /// It has to be empty, or that of an earlier run with the same --data. The other commands find it
    /// as HANDSEL__GIVEAWAY__DATABASE__URL and HANDSEL__GIFTCARD__DATABASE__URL.
    #[arg(long, value_name = "URL", env = "HANDSEL_DEMO_POSTGRES", hide_env_values = true)]
    pub(crate) postgres: Option<String>,
    /// Tell the story to the fleet that this file describes, as bin/fleet writes it
    ///
    /// Nobody moves its clock, so that the giveaway is short and the story takes a minute or two. A fleet
    /// knows the story of each --seed once.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["postgres", "listen"])]
    pub(crate) fleet: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:5000, or a free port when that is taken or with --exit]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// End when the story is told, instead of leaving the server running
    #[arg(long)]
    pub(crate) exit: bool,
    /// Print one JSON object instead of the story
    #[arg(long)]
    pub(crate) json: bool,
    /// Tell on standard error when each phase begins, as `phase: NAME`
    #[arg(long)]
    pub(crate) progress: bool,
}

/// `handsel audit`
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Print JSON instead of a table; with --watch one object on a line for each run
    #[arg(long)]
    pub(crate) json: bool,
    /// Nothing is under way: what has not arrived yet is missing
    ///
    /// For tests that have waited until all is quiet, and for a stopped installation.
    #[arg(long, conflicts_with = "watch")]
    pub(crate) at_rest: bool,
    /// Audit again every so many seconds until stopped
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "60",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) watch: Option<u32>,
}

/// `handsel backup`
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// The folder for the copies; made if missing
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
}

/// `handsel quarantine …`
#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// Say whether there is one, and why; exit code 1 if there is
    Show {
        /// Where the configuration comes from.
        #[command(flatten)]
        sources: Sources,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Begin one: after restoring PostgreSQL, for example
    Begin {
        /// Where the configuration comes from.
        #[command(flatten)]
        sources: Sources,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// End it, if the provider's transfers and payments and the escrows of both services match
    Lift {
        /// Where the configuration comes from.
        #[command(flatten)]
        sources: Sources,
        /// End it although they do not: somebody has looked at every mismatch
        #[arg(long)]
        accept: bool,
    },
}

/// `handsel migrate`
#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `handsel config …`
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether the configuration can work; name the key if not
    Check(Sources),
    /// Print the configuration as it is in force, with secrets masked
    Show(Sources),
}

/// `handsel sandbox-bank`
#[derive(Debug, Args)]
pub(crate) struct SandboxBankArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5010")]
    pub(crate) listen: SocketAddr,
    /// Folder of the bank's file and its two secrets
    #[arg(long, value_name = "DIR", default_value = "sandbox-bank")]
    pub(crate) data: PathBuf,
    /// Where people reach its pay pages [default: where it listens]
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Send events to this URL; may be given several times
    #[arg(long = "webhook", value_name = "URL")]
    pub(crate) webhooks: Vec<String>,
    /// What the bank keeps of each payment: the fixed part, in minor units
    #[arg(long, value_name = "MINOR", default_value_t = crate::node::bank::COST_FIXED_MINOR)]
    pub(crate) cost_fixed: i64,
    /// What the bank keeps of each payment: the proportional part, in hundredths of a percent
    #[arg(long, value_name = "BP", default_value_t = crate::node::bank::COST_BASIS_POINTS)]
    pub(crate) cost_basis_points: u32,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_coherent_and_every_command_is_explained() {
        let command = Cli::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            assert!(sub.get_about().is_some(), "{} has no explanation", sub.get_name());
        }
    }
}
