//! The command line of the benches, in words.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

/// More than any queue is asked to bear at once, and few enough that all fit into memory.
const MAX_IN_FLIGHT: i64 = 65_536;
/// A day: longer runs tell nothing new.
const MAX_SECONDS: i64 = 24 * 3600;
/// More fit on no disk that a bench should fill.
const MAX_ENTRIES: i64 = 100_000_000;
/// Below the 4 MiB that a message may have, with room for its envelope.
const MAX_PAYLOAD: i64 = 4_000_000;

/// `handsel bench …`
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Measure durable calls: request and reply through the queue
    ///
    /// So many callers each make one call after the other, through a generated tonic client over one
    /// shared channel, to a callee that gives back the bytes it was sent. A call counts from the moment
    /// it is made until its answer is there: submitted, committed, claimed, executed, finished,
    /// committed again, and kept as always. The first second warms up and is not counted.
    ///
    /// All of them share the processors of this machine. What a figure means depends on the disk, so
    /// the time of one fsync is measured and printed with it. Compare figures of one run only:
    /// --compare makes that run.
    #[command(after_help = "\
How the work is spread over processes:
  sqlite, callee process      caller and worker here, the callee in a process of its own
  sqlite, callee in-process   everything here, as in `handsel serve`
  redis, callee process       the caller here; worker, callee and Redis in processes of their own
  redis, callee in-process    caller, worker and callee here, Redis in a process of its own
  direct                      the caller here, the callee in a process of its own, nothing is kept

Examples:
  handsel bench calls                                       128 calls in flight for 10 seconds
  handsel bench calls --in-flight 1                         how long a lone call takes
  handsel bench calls --compare --seconds 60 --json         against plain tonic calls, in turn
  handsel bench calls --callee in-process --dir /var/tmp    with the file on that disk
  handsel bench calls --store redis                         with a private Redis, started for the run

Exit codes: 0 measured, 1 measured but some calls failed, 2 it could not be measured.")]
    Calls(CallsArgs),

    /// Measure transfers of money through the ledger
    ///
    /// So many clients each make one transfer after the other between two accounts that must not go
    /// below zero, as wallets and cards are: locked, decided, written with both entries, committed
    /// durably. Beside it, in turn, the least that a program without books does: two updates and one
    /// insert in a transaction with the same durability. The ledger is audited afterwards.
    ///
    /// In `hot` every transfer takes from one account; in `spread` they go between a thousand.
    #[command(after_help = "\
Examples:
  handsel bench money                                             SQLite alone
  handsel bench money --postgres postgres://localhost/bench       both engines
  handsel bench money --clients 64 --seconds 30 --json

Exit codes: 0 measured, 1 measured but some transfers failed, 2 it could not be measured.")]
    Money(MoneyArgs),

    /// Measure an audit of large books
    ///
    /// The demo's story is told by a real server, and its rows are copied, with ids of their own, until
    /// both ledgers together have as many entries as asked for: hosts, giveaways, winners, cards,
    /// redemptions and settlements, and the bank's log beside them. Then all of it is audited, three
    /// times, by a process that does nothing else. The memory is that of this process; a PostgreSQL
    /// server has its own.
    #[command(after_help = "\
Examples:
  handsel bench audit                                             SQLite alone, a million entries
  handsel bench audit --postgres postgres://localhost/postgres    both engines
  handsel bench audit --entries 100000 --json

Exit codes: 0 measured, 1 measured but the audit was not clean, 2 it could not be measured.")]
    Audit(AuditArgs),

    /// Measure people who enter a giveaway over HTTP
    ///
    /// A giveaway is funded and opened as in the demo. Then so many people at a time enter, each a new one over
    /// a connection that stays open, and each is answered once the entry is committed. Mails that ask to
    /// confirm the address are sent meanwhile, into the mailbox of the demo.
    #[command(after_help = "\
Examples:
  handsel bench entries                                             one process, SQLite
  handsel bench entries --postgres postgres://localhost/postgres    and on PostgreSQL
  handsel bench entries --fleet fleet.json                          the fleet of bin/fleet

Exit codes: 0 measured, 1 measured but some entries failed, 2 it could not be measured.")]
    Entries(EntriesArgs),

    /// Measure connections to a gateway
    ///
    /// So many clients connect over WebSocket and join one room, in which something happens once a second.
    /// The memory is what the server's process grows by while they connect; the time is from the moment that
    /// it happens until a client has heard of it. With --node the usual server for Node.js does the same,
    /// after it, with the same crowd. The crowd shares this machine.
    #[command(after_help = "\
Examples:
  handsel bench gateway --node e2e/bench-server.mjs              5,000 connections, beside Node.js
  handsel bench gateway --connections 10000 --json

Exit codes: 0 measured, 1 measured but connections were lost, 2 it could not be measured.")]
    Gateway(GatewayArgs),

    /// Be one of the further processes of a bench; ends when its standard input closes
    #[command(hide = true, subcommand)]
    Part(Role),
}

/// `handsel bench calls`
#[derive(Debug, Args)]
pub(crate) struct CallsArgs {
    /// Where the calls are kept
    #[arg(long, value_enum, default_value_t = StoreKind::Sqlite)]
    pub(crate) store: StoreKind,
    /// Use this Redis and not a private one, which is started for the run with appendfsync everysec
    #[arg(long, value_name = "URL")]
    pub(crate) redis_url: Option<String>,
    /// Where the calls are executed
    #[arg(long, value_enum, default_value_t = CalleeKind::Process)]
    pub(crate) callee: CalleeKind,
    /// Keep so many calls in flight
    #[arg(long, value_name = "N", default_value = "128",
        value_parser = clap::value_parser!(u32).range(1..=MAX_IN_FLIGHT))]
    pub(crate) in_flight: u32,
    /// Measure so long; with --compare, each side
    #[arg(long, value_name = "S", default_value = "10",
        value_parser = clap::value_parser!(u32).range(1..=MAX_SECONDS))]
    pub(crate) seconds: u32,
    /// Send so many bytes with each call, and get them back
    #[arg(long, value_name = "BYTES", default_value = "200",
        value_parser = clap::value_parser!(u32).range(0..=MAX_PAYLOAD))]
    pub(crate) payload: u32,
    /// Measure plain tonic calls to the same callee in a process of its own: the baseline
    #[arg(long, conflicts_with_all = ["compare", "redis_url"])]
    pub(crate) direct: bool,
    /// Measure durable and plain calls in turn, and print the ratio
    #[arg(long)]
    pub(crate) compare: bool,
    /// Put the files of the run below this folder [default: the system's for temporary files]
    ///
    /// Name one on the disk that you want to know about: on some systems the default is in memory,
    /// where an fsync costs nothing.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// `handsel bench money`
#[derive(Debug, Args)]
pub(crate) struct MoneyArgs {
    /// Keep so many clients busy
    #[arg(long, value_name = "N", default_value = "16",
        value_parser = clap::value_parser!(u32).range(1..=MAX_IN_FLIGHT))]
    pub(crate) clients: u32,
    /// Measure each side of each pattern so long
    #[arg(long, value_name = "S", default_value = "6",
        value_parser = clap::value_parser!(u32).range(1..=MAX_SECONDS))]
    pub(crate) seconds: u32,
    /// Measure this PostgreSQL too, in a schema of its own that is removed afterwards
    #[arg(long, value_name = "URL", env = "HANDSEL_BENCH_POSTGRES", hide_env_values = true)]
    pub(crate) postgres: Option<String>,
    /// Put the files of the run below this folder [default: the system's for temporary files]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// `handsel bench audit`
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Audit ledgers of at least so many entries, both together
    #[arg(long, value_name = "N", default_value = "1000000",
        value_parser = clap::value_parser!(u32).range(1..=MAX_ENTRIES))]
    pub(crate) entries: u32,
    /// Measure this PostgreSQL too, in a database of its own that is removed afterwards
    ///
    /// The role has to be allowed to create one.
    #[arg(long, value_name = "URL", env = "HANDSEL_BENCH_POSTGRES", hide_env_values = true)]
    pub(crate) postgres: Option<String>,
    /// Put the files of the run below this folder [default: the system's for temporary files]
    ///
    /// A million entries take about two gigabytes.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// `handsel bench entries`
#[derive(Debug, Args)]
pub(crate) struct EntriesArgs {
    /// Let so many people enter at a time
    #[arg(long, value_name = "N", default_value = "64",
        value_parser = clap::value_parser!(u32).range(1..=MAX_IN_FLIGHT))]
    pub(crate) in_flight: u32,
    /// Measure so long
    #[arg(long, value_name = "S", default_value = "10",
        value_parser = clap::value_parser!(u32).range(1..=MAX_SECONDS))]
    pub(crate) seconds: u32,
    /// Measure this fleet and no server of its own
    #[arg(long, value_name = "FILE", conflicts_with = "postgres")]
    pub(crate) fleet: Option<PathBuf>,
    /// Measure with this PostgreSQL too, in a database of its own that is removed afterwards
    ///
    /// The role has to be allowed to create one.
    #[arg(long, value_name = "URL", env = "HANDSEL_BENCH_POSTGRES", hide_env_values = true)]
    pub(crate) postgres: Option<String>,
    /// Put the files of the run below this folder [default: the system's for temporary files]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// `handsel bench gateway`
#[derive(Debug, Args)]
pub(crate) struct GatewayArgs {
    /// Hold so many connections
    #[arg(long, value_name = "N", default_value = "5000",
        value_parser = clap::value_parser!(u32).range(1..=MAX_IN_FLIGHT))]
    pub(crate) connections: u32,
    /// Listen so long
    #[arg(long, value_name = "S", default_value = "20",
        value_parser = clap::value_parser!(u32).range(1..=MAX_SECONDS))]
    pub(crate) seconds: u32,
    /// Let something happen so often
    #[arg(long, value_name = "MS", default_value = "1000",
        value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub(crate) every_ms: u32,
    /// Measure this server for Node.js too: e2e/bench-server.mjs
    #[arg(long, value_name = "FILE")]
    pub(crate) node: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Between which accounts the transfers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pattern {
    /// All from one
    Hot,
    /// Between many
    Spread,
}

/// The call stores that can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoreKind {
    /// One file, owned by one process
    Sqlite,
    /// A Redis server, shared by processes
    Redis,
}

/// Where the callee is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CalleeKind {
    /// In a process of its own, over TCP
    Process,
    /// In the worker's process, as in `handsel serve`
    InProcess,
}

/// What a further process of a bench does. Each says one line when it is ready: where it is reached.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Echo what is sent
    Callee,
    /// Execute the calls of a Redis store at a callee
    Worker {
        /// Where the store is. Not a flag, because it may hold a password.
        #[arg(long, env = super::part::REDIS_URL_ENV, hide_env_values = true)]
        redis_url: String,
        /// Where the callee listens
        #[arg(long)]
        callee: String,
    },
    /// Tell the demo's story once
    Tale {
        /// Where the files go
        #[arg(long)]
        data: PathBuf,
        /// Where the rows go, if not there. Not a flag, because it may hold a password.
        #[arg(long, env = super::audit::POSTGRES_URL_ENV, hide_env_values = true)]
        postgres: Option<String>,
    },
    /// Audit once, and say what came of it
    Audit {
        /// Where the files are
        #[arg(long)]
        data: PathBuf,
        /// Where the rows are, if not there
        #[arg(long, env = super::audit::POSTGRES_URL_ENV, hide_env_values = true)]
        postgres: Option<String>,
    },
    /// Serve a giveaway that takes entries
    OpenGiveaway {
        /// Where the files go
        #[arg(long)]
        data: PathBuf,
        /// Where the rows go, if not there. Not a flag, because it may hold a password.
        #[arg(long, env = super::audit::POSTGRES_URL_ENV, hide_env_values = true)]
        postgres: Option<String>,
    },
    /// Be a gateway with one room, in which something happens now and then
    Gateway {
        /// How often
        #[arg(long)]
        every_ms: u64,
    },
    /// Be in that room, many times
    Crowd {
        /// Where the server is
        #[arg(long)]
        address: String,
        /// How many times
        #[arg(long)]
        connections: u32,
        /// How long
        #[arg(long)]
        seconds: u64,
        /// The server's process
        #[arg(long)]
        server: u32,
    },
    /// Run a private Redis server
    Redis {
        /// The folder that gets its files
        #[arg(long)]
        dir: PathBuf,
    },
}

impl CallsArgs {
    /// What the parser cannot see.
    ///
    /// # Errors
    /// Says which options do not go together, and what to do.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.redis_url.is_none() || self.store == StoreKind::Redis,
            "--redis-url: is for --store redis"
        );
        anyhow::ensure!(
            !self.direct || self.callee == CalleeKind::Process,
            "--direct: without a network there is nothing to compare with; leave out --callee in-process"
        );
        Ok(())
    }
}
