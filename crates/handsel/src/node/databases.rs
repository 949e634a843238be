//! Opens the services' databases and brings them up to date.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use platform::{Clock, Db, db::DbConfig};
use sea_orm::DbBackend;
use sea_orm_migration::MigratorTrait;

use crate::{backup, config::Config};

/// The services whose databases have money in them.
pub(crate) const MONEY: [&str; 2] = ["giveaway", "giftcard"];

/// In a data folder: its rows are elsewhere now, and nothing may be done with those that stayed.
pub(crate) const MOVED: &str = "moved-to-postgresql";

/// One database per service. No service sees another's.
#[derive(Clone, Debug)]
pub(crate) struct Databases {
    /// Hosts, wallets, giveaways, entries, draws.
    pub(crate) giveaway: Db,
    /// Merchants, escrows, cards, settlements.
    pub(crate) giftcard: Db,
    /// Mails and counters.
    pub(crate) processor: Db,
}

/// What was done, or would be done, to one service's database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Migrated {
    /// The service.
    pub(crate) service: &'static str,
    /// The migrations, in order; none when it was up to date.
    pub(crate) applied: Vec<String>,
    /// Where the content from before was saved.
    pub(crate) backup: Option<PathBuf>,
}

/// What to do with a database that is not up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outdated {
    /// Bring SQLite up to date; refuse PostgreSQL, where others may run beside us.
    OnlySqlite,
    /// Bring both up to date: somebody asked for it.
    Both,
}

impl Databases {
    /// Opens them for a server: SQLite is brought up to date after a backup, PostgreSQL has to be.
    ///
    /// # Errors
    /// Names the service, and the migrations that have to be applied to PostgreSQL first.
    pub(crate) async fn open_for_service(config: &Config, clock: &Clock) -> anyhow::Result<Self> {
        let (databases, migrated) = open(config, clock, Outdated::OnlySqlite).await?;
        for Migrated { service, applied, backup } in migrated {
            if let Some(backup) = backup {
                tracing::info!(service, ?applied, backup = %backup.display(), "database brought up to date");
            }
        }
        Ok(databases)
    }

    /// Brings them up to date on request.
    ///
    /// # Errors
    /// When one cannot be opened or a migration fails.
    pub(crate) async fn migrate(config: &Config, clock: &Clock) -> anyhow::Result<Vec<Migrated>> {
        let (databases, migrated) = open(config, clock, Outdated::Both).await?;
        databases.close().await;
        Ok(migrated)
    }

    /// What [`Databases::migrate`] would do. Makes no file.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub(crate) async fn outdated(config: &Config) -> anyhow::Result<Vec<Migrated>> {
        let data = &config.data_dir;
        Ok(vec![
            pending::<giveaway_api::Migrator>("giveaway", &config.giveaway.database, data).await?,
            pending::<giftcard_api::Migrator>("giftcard", &config.giftcard.database, data).await?,
            pending::<job_processor::Migrator>("processor", &config.processor.database, data)
                .await?,
        ])
    }

    /// Whether nobody has used any of them yet.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub(crate) async fn are_empty(config: &Config) -> anyhow::Result<bool> {
        let all = [
            giveaway_api::Migrator::migrations().len(),
            giftcard_api::Migrator::migrations().len(),
            job_processor::Migrator::migrations().len(),
        ];
        let outdated = Self::outdated(config).await?;
        Ok(outdated.iter().map(|migrated| migrated.applied.len()).eq(all))
    }

    /// All of them, by the names of their services.
    pub(crate) fn all(&self) -> [(&'static str, &Db); 3] {
        [("giveaway", &self.giveaway), ("giftcard", &self.giftcard), ("processor", &self.processor)]
    }

    /// Those with money in them.
    pub(crate) fn with_money(&self) -> impl Iterator<Item = (&'static str, &Db)> {
        self.all().into_iter().filter(|(service, _)| MONEY.contains(service))
    }

    /// Closes all connections.
    pub(crate) async fn close(self) {
        for db in [self.giveaway, self.giftcard, self.processor] {
            db.close().await;
        }
    }
}

async fn open(
    config: &Config,
    clock: &Clock,
    outdated: Outdated,
) -> anyhow::Result<(Databases, Vec<Migrated>)> {
    let data = &config.data_dir;
    config.make_data_dir()?;
    let opening = Opening { data, clock, outdated };
    // Side by side: each syncs its file several times when it is new.
    let (giveaway, giftcard, processor) = tokio::try_join!(
        opening.one::<giveaway_api::Migrator>("giveaway", &config.giveaway.database),
        opening.one::<giftcard_api::Migrator>("giftcard", &config.giftcard.database),
        opening.one::<job_processor::Migrator>("processor", &config.processor.database),
    )?;
    let databases =
        Databases { giveaway: giveaway.0, giftcard: giftcard.0, processor: processor.0 };
    Ok((databases, vec![giveaway.1, giftcard.1, processor.1]))
}

async fn pending<M: MigratorTrait>(
    service: &'static str,
    config: &DbConfig,
    data: &Path,
) -> anyhow::Result<Migrated> {
    let is_missing = config.url.is_empty() && !file(data, service).exists();
    let applied = if is_missing {
        M::migrations().iter().map(|migration| migration.name().to_owned()).collect()
    } else {
        let db = Db::open(config, service, data).await?;
        let pending = db.pending::<M>().await;
        db.close().await;
        pending?
    };
    Ok(Migrated { service, applied, backup: None })
}

/// A service's file in a data folder.
pub(crate) fn file(data: &Path, service: &str) -> PathBuf {
    data.join(format!("{service}.db"))
}

struct Opening<'a> {
    data: &'a Path,
    clock: &'a Clock,
    outdated: Outdated,
}

impl Opening<'_> {
    async fn one<M: MigratorTrait>(
        &self,
        service: &'static str,
        config: &DbConfig,
    ) -> anyhow::Result<(Db, Migrated)> {
        self.open_and_migrate::<M>(service, config)
            .await
            .with_context(|| format!("the database of `{service}` is not usable"))
    }

    async fn open_and_migrate<M: MigratorTrait>(
        &self,
        service: &'static str,
        config: &DbConfig,
    ) -> anyhow::Result<(Db, Migrated)> {
        let is_new = !file(self.data, service).exists();
        let moved = self.data.join(MOVED);
        anyhow::ensure!(
            !config.url.is_empty() || !moved.exists(),
            "its rows were moved to PostgreSQL: name that as {service}.database.url. Only if nothing has ever \
             run there, remove {} and go on here",
            moved.display()
        );
        let db = Db::open(config, service, self.data).await?;
        let applied = db.pending::<M>().await?;
        let mut migrated = Migrated { service, applied, backup: None };
        if migrated.applied.is_empty() {
            return Ok((db, migrated));
        }
        match db.engine() {
            DbBackend::Sqlite if !is_new => {
                migrated.backup = Some(self.back_up(service, &db).await?);
            }
            DbBackend::Sqlite => {}
            _ => anyhow::ensure!(
                self.outdated == Outdated::Both,
                "it lacks the migrations {}; run `handsel migrate`",
                migrated.applied.join(", ")
            ),
        }
        db.migrate::<M>().await?;
        Ok((db, migrated))
    }

    async fn back_up(&self, service: &str, db: &Db) -> anyhow::Result<PathBuf> {
        let now_ms = self.clock.now_ms();
        let to = self.data.join("backups").join(format!("{service}-{now_ms}.db"));
        backup::copy(service, db, &to, now_ms).await?;
        Ok(to)
    }
}
