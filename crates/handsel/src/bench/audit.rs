//! `handsel bench audit`: how long an audit takes and what memory it needs, on books as large as is
//! asked for. They are those of the demo's story, told by a real server, as many times over.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use jiff::Timestamp;
use platform::{Clock, Db, config::Secret};
use sea_orm::{ConnectionTrait as _, Statement};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::{args::AuditArgs, copies, database::OwnDatabase, part::Part, report::rounded};
use crate::{
    audit::{self, Age},
    cli::DemoArgs,
    config::Config,
    demo,
    node::{bank, databases::MONEY},
    out,
    serve::CLOCK_FILE,
};

/// Enough for every prize and every alternate of the story.
const ENTRANTS: u32 = 80;

/// The figure is that of the run in the middle.
const RUNS: usize = 3;

/// How long a story may take that takes seconds, and an audit that should take half a minute.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where the parts find their database. An address may hold a password.
pub(super) const POSTGRES_URL_ENV: &str = "HANDSEL_BENCH_AUDIT_POSTGRES";

/// One engine.
#[derive(Debug, Serialize)]
struct Row {
    engine: &'static str,
    /// Entries of both ledgers.
    entries: u64,
    /// Rows of all tables, and of the bank's log.
    rows: u64,
    seconds: f64,
    slowest_seconds: f64,
    /// Of the process that audits; `null` where the system does not tell.
    peak_mib: Option<f64>,
    audit: serde_json::Value,
}

/// What a process says that audited.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    seconds: f64,
    peak_kib: Option<u64>,
    audit: serde_json::Value,
}

/// Measures and prints.
pub(super) async fn run(args: &AuditArgs) -> anyhow::Result<ExitCode> {
    let folder = match &args.dir {
        Some(dir) => TempDir::with_prefix_in("handsel-bench-", dir),
        None => TempDir::with_prefix("handsel-bench-"),
    }
    .context("--dir: no folder can be made there")?;
    let mut rows = vec![measure("sqlite", &folder.path().join("sqlite"), None, args).await?];
    if let Some(url) = &args.postgres {
        let own = OwnDatabase::make(url).await?;
        let data = folder.path().join("postgres");
        let measured = measure("postgres", &data, Some(&own.url), args).await;
        own.remove().await?;
        rows.push(measured?);
    }
    if args.json {
        out::json(&serde_json::json!({ "audit": rows }));
    } else {
        print(&rows, args);
    }
    let is_clean = rows.iter().all(|row| row.audit == "clean");
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(rows: &[Row], args: &AuditArgs) {
    out::line(format!("the audit in the middle of {RUNS}, each a process of its own"));
    out::line(
        "engine       entries        rows   seconds   slowest      memory   found".to_owned(),
    );
    for Row { engine, entries, rows, seconds, slowest_seconds, peak_mib, audit } in rows {
        let memory = peak_mib.map_or("unknown".to_owned(), |mib| format!("{mib:.1} MiB"));
        let found = audit.as_str().map_or_else(|| audit.to_string(), str::to_owned);
        out::line(format!(
            "{engine:<10} {entries:>9} {rows:>11} {seconds:>9.2} {slowest_seconds:>9.2} {memory:>11}   {found}"
        ));
    }
    if args.postgres.is_none() {
        out::line("PostgreSQL was left out: name a server with --postgres URL".to_owned());
    }
}

async fn measure(
    engine: &'static str,
    data: &Path,
    postgres: Option<&str>,
    args: &AuditArgs,
) -> anyhow::Result<Row> {
    let folder = data.to_str().context("--dir: the folder's name is not UTF-8")?;
    let settings: Vec<_> = postgres.map(|url| (POSTGRES_URL_ENV, url)).into_iter().collect();
    Part::done("tale", &["--data", folder], &settings, PATIENCE).await?;
    let (entries, rows) = multiply(data, postgres, args.entries.into()).await?;
    let mut told = Vec::new();
    for _ in 0..RUNS {
        let said = Part::done("audit", &["--data", folder], &settings, PATIENCE).await?;
        told.push(serde_json::from_str::<Told>(&said)?);
    }
    told.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let peak_kib = told.iter().filter_map(|told| told.peak_kib).max();
    let slowest = told.pop().context("there were no runs")?;
    let wrong = told.iter().find(|told| told.audit != slowest.audit);
    anyhow::ensure!(wrong.is_none(), "two audits of the same books differ: {wrong:?}");
    Ok(Row {
        engine,
        entries,
        rows,
        seconds: rounded(told[told.len() / 2].seconds, 3),
        slowest_seconds: rounded(slowest.seconds, 3),
        peak_mib: peak_kib.map(|kib| rounded(kib as f64 / 1024.0, 1)),
        audit: slowest.audit,
    })
}

/// Makes many stories of the one that was told, in both services' rows and in the bank's log. Tells how
/// many entries the ledgers have then, and how many rows were added in all.
async fn multiply(data: &Path, postgres: Option<&str>, wanted: u64) -> anyhow::Result<(u64, u64)> {
    let mut books = Vec::new();
    for service in MONEY {
        books.push(match postgres {
            Some(url) => Db::postgres(url, service, 1).await?,
            None => Db::sqlite(&data.join(format!("{service}.db"))).await?,
        });
    }
    let told = entries(&books).await?;
    let copies = u32::try_from(wanted.saturating_sub(told).div_ceil(told.max(1)))?;
    let log = Db::sqlite(&data.join(bank::FILE)).await?;
    let mut rows = 0;
    for db in books.iter().chain([&log]) {
        rows += copies::add(db, copies).await?;
    }
    let many = entries(&books).await?;
    for db in books.into_iter().chain([log]) {
        db.close().await;
    }
    anyhow::ensure!(many == told * (u64::from(copies) + 1), "not all entries were copied: {many}");
    Ok((many, rows))
}

async fn entries(books: &[Db]) -> anyhow::Result<u64> {
    let mut entries = 0;
    for db in books {
        let query = Statement::from_string(db.engine(), "SELECT COUNT(*) AS n FROM ledger_entry");
        let row = db.read().query_one_raw(query).await?.context("a count has a row")?;
        entries += u64::try_from(row.try_get::<i64>("", "n")?)?;
    }
    Ok(entries)
}

/// The part that tells the story, once.
pub(super) async fn tell(data: PathBuf, postgres: Option<String>) -> anyhow::Result<()> {
    let args = DemoArgs {
        fleet: None,
        entries: None,
        seed: 1,
        rows: ENTRANTS,
        data: Some(data),
        postgres,
        listen: None,
        exit: true,
        json: true,
        progress: false,
    };
    let code = demo::run(args).await?;
    anyhow::ensure!(code == ExitCode::SUCCESS, "the story did not end well");
    Ok(())
}

/// The part that audits, once.
pub(super) async fn audit(data: PathBuf, postgres: Option<String>) -> anyhow::Result<()> {
    let clock = Clock::shifted(&data.join(CLOCK_FILE))?;
    let mut config = Config { data_dir: data, demo: true, ..Config::default() };
    if let Some(url) = postgres {
        config.giveaway.database.url = Secret::new(url.clone());
        config.giftcard.database.url = Secret::new(url);
    }
    let now: Timestamp = clock.now();
    let began = Instant::now();
    let audited = audit::audit(&config, now, Age::Running { now }).await?;
    let seconds = began.elapsed().as_secs_f64();
    out::json_line(&Told { seconds, peak_kib: peak_kib(), audit: serde_json::to_value(audited)? });
    Ok(())
}

/// The most memory that this process has had, where the system tells.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
