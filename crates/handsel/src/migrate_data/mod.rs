//! `handsel migrate-data`: moves an installation from its SQLite files to PostgreSQL.
//!
//! | module | what it does |
//! |---|---|
//! | `catalog` | which tables and columns there are, and in which order they are filled |
//! | `copy` | fills them, in one transaction for each service |
//!
//! Calls stay behind: what is owed to somebody is a row in an outbox or a saga, and is sent again from there.

mod catalog;
mod copy;

use std::process::ExitCode;

use anyhow::Context as _;
use platform::{Db, db::DbConfig, keys::write_atomically, quarantine};
use sea_orm_migration::MigratorTrait;

use crate::{
    cli::MigrateArgs,
    config::Config,
    node::{
        applications::open_calls,
        databases::{MONEY, MOVED, file},
        secrets::Secrets,
    },
    out, serve,
};

/// One service's rows, here and there.
struct Service<'a> {
    name: &'static str,
    from: Db,
    to: &'a DbConfig,
}

/// Moves all services, or says what would be moved.
pub(crate) async fn run(args: MigrateArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(args.sources.config.as_deref(), &serve::source_flags(&args.sources))?;
    let [giveaway, giftcard, processor] = [
        open::<giveaway_api::Migrator>("giveaway", &config, &config.giveaway.database).await?,
        open::<giftcard_api::Migrator>("giftcard", &config, &config.giftcard.database).await?,
        open::<job_processor::Migrator>("processor", &config, &config.processor.database).await?,
    ];
    if args.dry_run {
        for Service { name, from, .. } in [giveaway, giftcard, processor] {
            let rows: u64 = catalog::count_sqlite(&from).await?.values().sum();
            out::line(format_args!("{name}: would move {rows} rows"));
            from.close().await;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let secrets = Secrets::open(&config)?;
    // Held until the end: no server may write meanwhile.
    let calls = open_calls(&config.data_dir, &secrets.credential).await?;
    let dead: u64 = calls.stats().await?.into_iter().map(|lane| lane.dead).sum();
    if dead > 0 {
        out::line(format_args!("{dead} dead letters stay in calls.db, for `handsel calls list`"));
    }
    // Before anything is there: from then on no server starts here, however this ends.
    write_atomically(&config.data_dir.join(MOVED), b"by handsel migrate-data\n")?;
    move_rows::<giveaway_api::Migrator>(giveaway).await.context("giveaway")?;
    move_rows::<giftcard_api::Migrator>(giftcard).await.context("giftcard")?;
    move_rows::<job_processor::Migrator>(processor).await.context("processor")?;
    Ok(ExitCode::SUCCESS)
}

/// Opens a service's file, as a server of this version left it.
async fn open<'a, M: MigratorTrait>(
    name: &'static str,
    config: &Config,
    to: &'a DbConfig,
) -> anyhow::Result<Service<'a>> {
    anyhow::ensure!(
        !to.url.is_empty(),
        "{name}.database.url: names no PostgreSQL to move the rows to"
    );
    let path = file(&config.data_dir, name);
    anyhow::ensure!(path.exists(), "there is no database at {}", path.display());
    let from = Db::sqlite(&path).await?;
    let pending = from.pending::<M>().await?;
    anyhow::ensure!(
        pending.is_empty(),
        "{} lacks the migrations {}: start it once with `handsel serve` and without PostgreSQL",
        path.display(),
        pending.join(", ")
    );
    if MONEY.contains(&name)
        && let Some(found) = quarantine::find(from.read()).await?
    {
        anyhow::bail!("{name} is in quarantine: {}", found.reason);
    }
    Ok(Service { name, from, to })
}

/// Makes the tables and fills them, unless that was done before.
async fn move_rows<M: MigratorTrait>(
    Service { name, from, to }: Service<'_>,
) -> anyhow::Result<()> {
    let to = Db::postgres(to.url.reveal(), name, 1).await?;
    to.migrate::<M>().await?;
    let tables = catalog::tables(&to).await?;
    let here = catalog::count_sqlite(&from).await?;
    let there = catalog::count(&to, &tables).await?;
    let missing = here.keys().find(|table| !there.contains_key(*table));
    anyhow::ensure!(missing.is_none(), "PostgreSQL has no table for {missing:?}");
    if there.values().all(|rows| *rows == 0) {
        let rows = copy::copy(&from, &to, &tables).await?;
        out::line(format_args!("{name}: moved {rows} rows in {} tables", tables.len()));
    } else {
        // An earlier run ended between two services, and nobody has changed the files since.
        anyhow::ensure!(
            here == there,
            "the database there is in use: it holds {} rows, and other ones than here",
            there.values().sum::<u64>()
        );
        out::line(format_args!("{name}: was moved before"));
    }
    to.close().await;
    from.close().await;
    Ok(())
}
