//! `handsel backup`: consistent copies of SQLite databases, beside a running server.

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;
use platform::{Clock, Db, quarantine};
use sea_orm::ConnectionTrait as _;

use crate::{
    cli::BackupArgs,
    config::Config,
    node::databases::{MONEY, file},
    out, serve,
};

/// Copies each service's database into a folder.
pub(crate) async fn run(args: BackupArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(args.sources.config.as_deref(), &serve::source_flags(&args.sources))?;
    let databases = [
        ("giveaway", &config.giveaway.database),
        ("giftcard", &config.giftcard.database),
        ("processor", &config.processor.database),
    ];
    let elsewhere = databases.iter().find(|(_, database)| !database.url.is_empty());
    anyhow::ensure!(
        elsewhere.is_none(),
        "the databases are on PostgreSQL; use its own tools, and `handsel quarantine begin` after a restore"
    );
    let now_ms = Clock::system().now_ms();
    for (service, _) in databases {
        let db = Db::sqlite_read_only(&file(&config.data_dir, service)).await?;
        let to = args.to.join(format!("{service}.db"));
        let copied = copy(service, &db, &to, now_ms).await;
        db.close().await;
        copied?;
        out::line(format_args!("{service}: {}", to.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// A consistent copy, made by the engine: copying the file beside its log would not be one. Where
/// there is money in it, it is born in quarantine, so that whoever restores it cannot forget.
///
/// # Errors
/// When the copy exists already or cannot be made.
pub(crate) async fn copy(service: &str, db: &Db, to: &Path, now_ms: i64) -> anyhow::Result<()> {
    anyhow::ensure!(!to.exists(), "{} exists already", to.display());
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let name = to.to_str().context("the path of the copy is not valid Unicode")?;
    db.read()
        .execute_unprepared(&format!("VACUUM INTO '{}'", name.replace('\'', "''")))
        .await
        .with_context(|| format!("cannot back up to {}", to.display()))?;
    if MONEY.contains(&service) {
        let copy = Db::sqlite(to).await?;
        let marked =
            quarantine::begin_in_copy(copy.write(), "restored from a backup", now_ms).await;
        copy.close().await;
        marked.with_context(|| format!("cannot mark {}", to.display()))?;
    }
    Ok(())
}
