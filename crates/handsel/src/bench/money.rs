//! `handsel bench money`: transfers through the ledger, beside a bare loop that keeps no books.

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use jiff::Timestamp;
use ledger::{Account, AccountKind, Currency, Mode, Money, Posting};
use platform::Db;
use sea_orm::{ConnectionTrait as _, Statement};
use serde::Serialize;
use tempfile::TempDir;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    args::{MoneyArgs, Pattern},
    load::{LONGEST_US, Measured},
    report::rounded,
};
use crate::out;

/// What both sides do at least this long before anything counts.
const WARM_UP: Duration = Duration::from_secs(1);

/// How often the sides change, so that whatever else the machine does falls on both.
const ROUNDS: u32 = 3;

/// Accounts between which the spread transfers go.
const ACCOUNTS: usize = 1_000;

/// What each account begins with: more than any run can take.
const OPENING_MINOR: i64 = 1_000_000_000_000;

/// A kind as that of wallets and cards: never below zero, its balance kept with the account.
const WALLET: AccountKind = AccountKind::non_negative("available");
const OPENING: AccountKind = AccountKind::clearing("opening");

/// Connections to PostgreSQL; more clients than this wait for one, as requests of a service do.
const CONNECTIONS: u32 = 16;

/// One engine and one pattern, both sides.
#[derive(Debug, Serialize)]
struct Row {
    engine: &'static str,
    pattern: Pattern,
    clients: u32,
    transfers_per_s: f64,
    p50_us: u64,
    p99_us: u64,
    bare_per_s: f64,
    ratio: f64,
    errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_error: Option<String>,
}

/// Measures and prints.
pub(super) async fn run(args: &MoneyArgs) -> anyhow::Result<ExitCode> {
    let folder = match &args.dir {
        Some(dir) => TempDir::with_prefix_in("handsel-bench-", dir),
        None => TempDir::with_prefix("handsel-bench-"),
    }
    .context("--dir: no folder can be made there")?;
    let mut rows = Vec::new();
    let db = Db::sqlite(&folder.path().join("money.db")).await?;
    rows.extend(measure("sqlite", &db, args).await?);
    db.close().await;
    if let Some(url) = &args.postgres {
        // A schema of its own, which goes with the run.
        let schema = format!("bench_{}", Uuid::now_v7().simple());
        let db = Db::postgres(url, &schema, CONNECTIONS).await.context("--postgres")?;
        let measured = measure("postgres", &db, args).await;
        let drop = format!("DROP SCHEMA \"{schema}\" CASCADE");
        db.write().execute_unprepared(&drop).await.context("cannot remove the bench's schema")?;
        db.close().await;
        rows.extend(measured?);
    }
    if args.json {
        out::json(&serde_json::json!({ "money": rows }));
    } else {
        print(&rows, args);
    }
    let is_sound = rows.iter().all(|row| row.errors == 0 && row.transfers_per_s > 0.0);
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(rows: &[Row], args: &MoneyArgs) {
    out::line(format!(
        "{} clients, {} s for each side, in {ROUNDS} turns; a transfer counts once it is committed",
        args.clients, args.seconds
    ));
    out::line("engine    pattern   transfers/s       p50       p99      bare/s   ratio".to_owned());
    for row in rows {
        let Row { engine, pattern, transfers_per_s, p50_us, p99_us, bare_per_s, ratio, .. } = row;
        let pattern = pattern.name();
        out::line(format!(
            "{engine:<9} {pattern:<8} {transfers_per_s:>12.0} {p50_us:>6} µs {p99_us:>6} µs {bare_per_s:>11.0}   {ratio:.3}"
        ));
        if let Some(error) = &row.first_error {
            out::line(format!("  {} errors, the first: {error}", row.errors));
        }
    }
    if args.postgres.is_none() {
        out::line("PostgreSQL was left out: name a server with --postgres URL".to_owned());
    }
}

async fn measure(engine: &'static str, db: &Db, args: &MoneyArgs) -> anyhow::Result<Vec<Row>> {
    db.migrate::<giveaway_api::Migrator>().await?;
    let accounts = open_accounts(db).await?;
    let time = Duration::from_secs(args.seconds.into());
    let mut rows = Vec::new();
    for pattern in [Pattern::Hot, Pattern::Spread] {
        let side = |what| Side { what, pattern, db: db.clone(), accounts: accounts.clone() };
        let (booked, bare) = (side(What::Ledger), side(What::Bare));
        for side in [&booked, &bare] {
            side.run(args.clients, WARM_UP).await?;
        }
        let (mut ledger, mut plain) = (Measured::new()?, Measured::new()?);
        for _ in 0..ROUNDS {
            ledger.add(&booked.run(args.clients, time / ROUNDS).await?)?;
            plain.add(&bare.run(args.clients, time / ROUNDS).await?)?;
        }
        let bare_per_s = plain.per_s();
        rows.push(Row {
            engine,
            pattern,
            clients: args.clients,
            transfers_per_s: rounded(ledger.per_s(), 1),
            p50_us: ledger.latencies.value_at_quantile(0.5),
            p99_us: ledger.latencies.value_at_quantile(0.99),
            bare_per_s: rounded(bare_per_s, 1),
            ratio: if bare_per_s > 0.0 { rounded(ledger.per_s() / bare_per_s, 4) } else { 0.0 },
            errors: ledger.errors + plain.errors,
            first_error: ledger.first_error.or(plain.first_error),
        });
    }
    // A figure of books that do not add up would be worth nothing.
    let broken = ledger::audit::violations(db.read()).await?;
    anyhow::ensure!(broken.is_empty(), "the ledger is broken after the run: {broken:?}");
    Ok(rows)
}

/// Accounts with money, in the ledger and in the bare loop's table.
async fn open_accounts(db: &Db) -> anyhow::Result<Arc<[Account]>> {
    let currency: Currency = "EUR".parse()?;
    let account = |kind: AccountKind, owner| Account { mode: Mode::Test, kind, owner, currency };
    let accounts: Arc<[Account]> = (0..ACCOUNTS).map(|_| account(WALLET, Uuid::now_v7())).collect();
    let tx = db.begin("bench_open").await?;
    let opening = Money::new(OPENING_MINOR, currency);
    for wallet in accounts.iter() {
        let from = account(OPENING, Uuid::nil());
        let posting = Posting::new(Uuid::now_v7(), "opening")
            .leg(from, opening.checked_neg()?)
            .leg(wallet.clone(), opening);
        ledger::post(&tx, &posting, Timestamp::now()).await?;
    }
    tx.execute_unprepared(
        "CREATE TABLE bench_account (id INTEGER PRIMARY KEY, balance BIGINT NOT NULL)",
    )
    .await?;
    tx.execute_unprepared(
        "CREATE TABLE bench_entry (id TEXT PRIMARY KEY, from_id INTEGER NOT NULL, \
         to_id INTEGER NOT NULL, amount BIGINT NOT NULL, at BIGINT NOT NULL)",
    )
    .await?;
    for id in 0..ACCOUNTS {
        let sql = format!("INSERT INTO bench_account (id, balance) VALUES ({id}, {OPENING_MINOR})");
        tx.execute_unprepared(&sql).await?;
    }
    tx.commit().await?;
    Ok(accounts)
}

#[derive(Clone, Copy, Debug)]
enum What {
    Ledger,
    Bare,
}

/// One side of a comparison.
#[derive(Clone)]
struct Side {
    what: What,
    pattern: Pattern,
    db: Db,
    accounts: Arc<[Account]>,
}

impl Side {
    async fn run(&self, clients: u32, time: Duration) -> anyhow::Result<Measured> {
        let started = Instant::now();
        let turn = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let (side, turn) = (self.clone(), turn.clone());
            tasks.spawn(async move { side.transfer_until(started + time, &turn).await });
        }
        let mut all = Measured::new()?;
        while let Some(measured) = tasks.join_next().await {
            all.add(&measured.context("a client failed")??)?;
        }
        all.elapsed = started.elapsed();
        Ok(all)
    }

    /// One client: one transfer after the other.
    async fn transfer_until(&self, until: Instant, turn: &AtomicU64) -> anyhow::Result<Measured> {
        let mut measured = Measured::new()?;
        let mut began = Instant::now();
        while began < until {
            let (from, to) = self.pattern.pair(turn.fetch_add(1, Ordering::Relaxed));
            let outcome = match self.what {
                What::Ledger => self.post(from, to).await,
                What::Bare => self.bare(from, to).await,
            };
            let ended = Instant::now();
            match outcome {
                Ok(()) => {
                    let took = u64::try_from((ended - began).as_micros()).unwrap_or(LONGEST_US);
                    measured.latencies.saturating_record(took.max(1));
                }
                Err(error) => {
                    measured.errors += 1;
                    measured.first_error.get_or_insert_with(|| format!("{error:#}"));
                }
            }
            began = ended;
        }
        Ok(measured)
    }

    async fn post(&self, from: usize, to: usize) -> anyhow::Result<()> {
        let (from, to) = (&self.accounts[from], &self.accounts[to]);
        let amount = Money::new(1, from.currency);
        let posting = Posting::new(Uuid::now_v7(), "bench")
            .leg(from.clone(), amount.checked_neg()?)
            .leg(to.clone(), amount);
        let tx = self.db.begin("bench_post").await?;
        ledger::post(&tx, &posting, Timestamp::now()).await?;
        Ok(tx.commit().await?)
    }

    /// What a program does that keeps no books: two balances, one row, one commit.
    async fn bare(&self, from: usize, to: usize) -> anyhow::Result<()> {
        let (from, to) = (i32::try_from(from)?, i32::try_from(to)?);
        let tx = self.db.begin("bench_bare").await?;
        let engine = tx.get_database_backend();
        // In the order of their ids, or two transfers could wait for each other.
        let mut changes = [(from, -1_i64), (to, 1_i64)];
        changes.sort_unstable();
        for (id, delta) in changes {
            let sql = "UPDATE bench_account SET balance = balance + $1 WHERE id = $2";
            let values = [delta.into(), id.into()];
            tx.execute_raw(Statement::from_sql_and_values(engine, sql, values)).await?;
        }
        let sql = "INSERT INTO bench_entry (id, from_id, to_id, amount, at) \
                   VALUES ($1, $2, $3, $4, $5)";
        let values = [
            Uuid::now_v7().to_string().into(),
            from.into(),
            to.into(),
            1_i64.into(),
            Timestamp::now().as_millisecond().into(),
        ];
        tx.execute_raw(Statement::from_sql_and_values(engine, sql, values)).await?;
        Ok(tx.commit().await?)
    }
}

impl Pattern {
    const fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Spread => "spread",
        }
    }

    /// The accounts of the `turn`-th transfer, never the same one twice.
    fn pair(self, turn: u64) -> (usize, usize) {
        let spread = usize::try_from(turn % (ACCOUNTS as u64 - 1)).unwrap_or(0);
        match self {
            Self::Hot => (0, spread + 1),
            // A step that has no divisor in common with the number of accounts visits all of them.
            Self::Spread => {
                let from = spread * 7 % ACCOUNTS;
                (from, (from + 1 + spread % (ACCOUNTS - 1)) % ACCOUNTS)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_is_between_two_accounts() {
        for pattern in [Pattern::Hot, Pattern::Spread] {
            let pairs: Vec<_> = (0..5_000).map(|turn| pattern.pair(turn)).collect();
            assert!(pairs.iter().all(|(from, to)| from != to && from.max(to) < &ACCOUNTS));
            let mut from: Vec<_> = pairs.iter().map(|pair| pair.0).collect();
            from.sort_unstable();
            from.dedup();
            assert_eq!(from.len() == 1, pattern == Pattern::Hot);
        }
    }
}
