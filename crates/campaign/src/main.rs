//! The campaign on the command line; `bin/campaign` runs it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it reports to a terminal")]

use std::{
    process::ExitCode,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use campaign::{
    Engine,
    campaign::{Case, Outcome, Plan, Tally, Until, repeat, run_worlds},
    fleet,
    flows::Flow,
    report,
};
use clap::Parser;

/// Whether money survives crashes, lost answers and a bank that misbehaves
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  bin/campaign --minutes 20
  bin/campaign --minutes 20 --engine postgres --instances 2
  bin/campaign --minutes 15 --fleet
  bin/campaign --seed 7 --repeat 'settle:42:die@provider.transfer.answered#1'

Exit codes: 0 no violation, 1 a violation (with the command that repeats it), 2 it could not run.")]
struct Args {
    /// How long to go on with pairs of points and with chance, after every point was struck
    #[arg(long, default_value_t = 1)]
    minutes: u64,
    /// What every choice follows from [default: the time]
    #[arg(long)]
    seed: Option<u64>,
    /// sqlite or postgres; PostgreSQL needs a server in HANDSEL_TEST_POSTGRES
    #[arg(long, default_value = "sqlite")]
    engine: String,
    /// Only this flow: fund, publish, redeem, settle, withdraw, refund, void or expiry
    #[arg(long)]
    flow: Option<String>,
    /// At most so many strikes of single points, of each flow [default: each point in each manner]
    #[arg(long)]
    singles: Option<usize>,
    /// Worlds side by side, each with a seed, databases and a bank of its own; of a fleet, stories
    #[arg(long, default_value_t = 4)]
    worlds: u64,
    /// Instances of everything side by side on the same databases
    #[arg(long, default_value_t = 1)]
    instances: usize,
    /// Tell whole stories to a fleet of processes while they, PostgreSQL and Redis die
    #[arg(long, conflicts_with_all = ["flow", "singles", "instances", "repeat"])]
    fleet: bool,
    /// Play one case, as a failure names it
    #[arg(long)]
    repeat: Option<Case>,
}

fn main() -> ExitCode {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| "off".to_owned());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(campaign(Args::parse())),
        Err(error) => Err(error.into()),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}

async fn campaign(args: Args) -> anyhow::Result<ExitCode> {
    let engine = [Engine::Sqlite, Engine::Postgres]
        .into_iter()
        .find(|engine| engine.as_str() == args.engine)
        .ok_or_else(|| {
            anyhow::anyhow!("--engine: `{}` is neither sqlite nor postgres", args.engine)
        })?;
    let flows = match &args.flow {
        None => Flow::ALL.to_vec(),
        Some(name) => {
            let flow = Flow::ALL.into_iter().find(|flow| flow.as_str() == name);
            vec![flow.ok_or_else(|| anyhow::anyhow!("--flow: there is no `{name}`"))?]
        }
    };
    let seed = args.seed.unwrap_or_else(|| jiff::Timestamp::now().as_second().unsigned_abs());
    let time = Duration::from_secs(args.minutes * 60);
    if args.fleet {
        return in_fleet(seed, time, args.worlds).await;
    }
    let until = Until::Passed(time);
    let plan = Plan {
        flows,
        singles: args.singles,
        instances: args.instances,
        ..Plan::new(engine, seed, until)
    };
    println!("seed {seed} on {}", engine.as_str());
    let tally = Tally::default();
    let played = async {
        match &args.repeat {
            Some(case) => repeat(&plan, case, &tally).await,
            None => run_worlds(&plan, args.worlds, &tally, progress).await,
        }
    };
    let ended = tokio::select! {
        ended = played => ended,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    let outcome = tally.take();
    for line in report::lines(&outcome, engine, seed) {
        println!("{line}");
    }
    // A campaign that did not end by itself says nothing about what it had not come to.
    Ok(match (outcome.failure, ended) {
        (Some(_), _) => ExitCode::FAILURE,
        (None, ended) => {
            ended?;
            ExitCode::SUCCESS
        }
    })
}

/// `worlds` is how many stories are told at a time: each is a world of its own in the same fleet.
async fn in_fleet(seed: u64, time: Duration, worlds: u64) -> anyhow::Result<ExitCode> {
    let handsel = std::env::current_exe()?.with_file_name("handsel");
    let plan = fleet::Plan { handsel, seed, time, stories: worlds.max(1) };
    println!("seed {seed} on a fleet");
    let outcome = Mutex::default();
    let ended = tokio::select! {
        ended = fleet::run(&plan, &outcome) => ended,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    let outcome: fleet::Outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    for line in outcome.lines() {
        println!("{line}");
    }
    if !outcome.wrong.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    ended?;
    println!("no violation in the fleet with seed {seed}");
    Ok(ExitCode::SUCCESS)
}

fn progress(outcome: &Outcome) {
    if outcome.cases.is_multiple_of(50) {
        let done: u64 = outcome.completed.values().sum();
        eprintln!("{} cases, {done} completed", outcome.cases);
    }
}
