//! One handle for SQLite and PostgreSQL, with the write path made safe on both.
//!
//! SQLite has one writer connection whose transactions begin IMMEDIATE, so that load-decide-save is
//! serial, and a few readers beside it (WAL). PostgreSQL has one pool; actions lock the aggregate's
//! root row (`FOR UPDATE`, which sea-orm leaves out on SQLite).

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
    sqlx::{
        Connection as _,
        postgres::PgConnectOptions,
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};
use sea_orm_migration::{MigratorTrait, SchemaManager};
use serde::{Deserialize, Serialize};

use crate::{
    Tx,
    boundary::{Boundary, Moment, Name, Watch},
    config::Secret,
    roles::Cache,
    scan::Waker,
    tx::AfterCommit,
};

/// Readers beside SQLite's one writer: pages and queries; more would only wait for the same disk.
const SQLITE_READERS: u32 = 4;

/// A writer waits this long for another process (the command line, a backup) to end its transaction.
const SQLITE_BUSY: Duration = Duration::from_secs(10);

/// Connections of one application to PostgreSQL unless configured otherwise: three applications
/// with two instances each stay below the default limit of 100 with room for people.
const POSTGRES_CONNECTIONS: u32 = 10;

/// A connection that was used a moment ago needs no question whether it is still there: it was asked
/// when it was given back. Asking before each use costs a round trip more for every statement.
const POSTGRES_IDLE: Duration = Duration::from_secs(1);

/// A request that cannot get a connection in this time is better refused than queued.
const ACQUIRE: Duration = Duration::from_secs(5);

/// What still uses a connection after so long is stuck, and must not keep a process from ending.
const CLOSE: Duration = Duration::from_secs(5);

/// Where migrations write down that they were applied.
const MIGRATIONS: &str = "seaql_migrations";

/// Where a service keeps its rows.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct DbConfig {
    /// Empty: SQLite in the data directory. Otherwise `postgres://user:password@host/database`.
    pub url: Secret,
    /// Connections of this application to PostgreSQL.
    pub max_connections: u32,
}

impl Default for DbConfig {
    fn default() -> Self {
        Self { url: Secret::default(), max_connections: POSTGRES_CONNECTIONS }
    }
}

/// A service's database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    write: DatabaseConnection,
    read: DatabaseConnection,
    boundary: Boundary,
    after: AfterCommit,
}

impl Db {
    /// Lets somebody watch the boundaries of all further transactions.
    #[must_use]
    pub fn watched_by(mut self, watch: Arc<dyn Watch>) -> Self {
        self.boundary = Boundary::watched_by(watch);
        self
    }

    /// Has all further transactions forget what they have changed.
    #[must_use]
    pub fn cached_by(mut self, cache: Cache) -> Self {
        self.after.cache = Some(cache);
        self
    }

    /// Opens what the configuration names: PostgreSQL with the service's own schema, or the SQLite
    /// file `{service}.db` in `data_dir`.
    ///
    /// # Errors
    /// When the database cannot be reached or would not keep what it acknowledged.
    pub async fn open(config: &DbConfig, service: &str, data_dir: &Path) -> anyhow::Result<Self> {
        if config.url.is_empty() {
            Self::sqlite(&data_dir.join(format!("{service}.db"))).await
        } else {
            Self::postgres(config.url.reveal(), service, config.max_connections).await
        }
    }

    /// Opens, and creates if missing, a SQLite file.
    ///
    /// # Errors
    /// When the file cannot be opened, or the engine does not take the settings that make a commit
    /// durable.
    pub async fn sqlite(path: &Path) -> anyhow::Result<Self> {
        let write = connect_sqlite(path, 1, false).await?;
        let read = connect_sqlite(path, SQLITE_READERS, false).await?;
        check_pragma(&write, "journal_mode", "wal").await?;
        check_pragma(&write, "synchronous", "2").await?;
        check_pragma(&write, "recursive_triggers", "1").await?;
        Ok(Self { write, read, boundary: Boundary::default(), after: AfterCommit::default() })
    }

    /// Opens an existing SQLite file for reading only, beside a running server.
    ///
    /// # Errors
    /// When the file does not exist or cannot be read.
    pub async fn sqlite_read_only(path: &Path) -> anyhow::Result<Self> {
        anyhow::ensure!(path.exists(), "there is no database at {}", path.display());
        let read = connect_sqlite(path, 1, true).await?;
        Ok(Self {
            write: read.clone(),
            read,
            boundary: Boundary::default(),
            after: AfterCommit::default(),
        })
    }

    /// Connects to PostgreSQL; the service's tables live in the schema of its name, a plain word.
    ///
    /// # Errors
    /// When the server cannot be reached, or commits would not be durable.
    pub async fn postgres(url: &str, schema: &str, connections: u32) -> anyhow::Result<Self> {
        check_postgres_url(url)?;
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(connections)
            .acquire_timeout(ACQUIRE)
            .test_before_acquire_if_idle_for(POSTGRES_IDLE)
            .sqlx_logging(false)
            .set_schema_search_path(schema)
            .set_application_name(format!("handsel {schema}"));
        let pool = Database::connect(options).await.context("cannot connect to PostgreSQL")?;
        // Whoever only works in it need not be allowed to make it.
        let found = format!("SELECT COUNT(*)::text FROM pg_namespace WHERE nspname = '{schema}'");
        if scalar(&pool, &found).await? == "0" {
            pool.execute_unprepared(&format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"")).await?;
        }
        let setting = scalar(&pool, "SHOW synchronous_commit").await?;
        anyhow::ensure!(
            setting == "on",
            "PostgreSQL has synchronous_commit={setting}: acknowledged money could be lost; set it to on"
        );
        Ok(Self {
            write: pool.clone(),
            read: pool,
            boundary: Boundary::default(),
            after: AfterCommit::default(),
        })
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// When a migration fails; those before it stay applied.
    pub async fn migrate<M: MigratorTrait>(&self) -> anyhow::Result<()> {
        M::up(&self.write, None).await.context("cannot migrate the database")
    }

    /// The migrations that [`Db::migrate`] would apply. Others that are applied already are of a newer
    /// version, which leaves what older ones need.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn pending<M: MigratorTrait>(&self) -> anyhow::Result<Vec<String>> {
        let mut applied = BTreeSet::new();
        if SchemaManager::new(&self.read).has_table(MIGRATIONS).await? {
            let sql = format!("SELECT version FROM {MIGRATIONS}");
            let statement = Statement::from_string(self.engine(), sql);
            for row in self.read.query_all_raw(statement).await? {
                applied.insert(row.try_get::<String>("", "version")?);
            }
        }
        let ours = M::migrations().into_iter().map(|migration| migration.name().to_owned());
        Ok(ours.filter(|name| !applied.contains(name)).collect())
    }

    /// Begins a transaction that may write, named after what it does: the names of its boundaries
    /// begin with it (see [`crate::boundary`]). On SQLite it holds the writer until it ends, so nothing
    /// slow (a call, a hash of a password) belongs inside.
    ///
    /// # Errors
    /// When no connection is free in time or the database is gone.
    pub async fn begin(&self, name: impl Into<Name>) -> Result<Tx, DbErr> {
        let name = name.into();
        self.boundary.reach(&name, Moment::Begin).await?;
        let sqlite = self.engine() == DbBackend::Sqlite;
        let options = TransactionOptions {
            sqlite_transaction_mode: sqlite.then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let inner = self.write.begin_with_options(options).await?;
        Ok(Tx::new(inner, name, self.boundary.clone(), self.after.clone()))
    }

    /// Connections for reading outside of a transaction.
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// The connection for single statements that write outside of a transaction.
    pub fn write(&self) -> &DatabaseConnection {
        &self.write
    }

    /// Wakes the scan that announces what transactions had to tell.
    pub fn news(&self) -> &Waker {
        &self.after.news
    }

    /// Which engine this is.
    pub fn engine(&self) -> DbBackend {
        self.write.get_database_backend()
    }

    /// Closes all connections; on SQLite this also checkpoints the write-ahead log. What does not come
    /// back in time is left as it is: the engine undoes what was not committed.
    pub async fn close(self) {
        for connection in [self.read, self.write] {
            match tokio::time::timeout(CLOSE, connection.close()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "closing the database failed"),
                Err(_) => tracing::warn!("some connections were still in use"),
            }
        }
    }
}

/// Whether it is the address of a PostgreSQL database.
///
/// # Errors
/// When it is not. Neither the driver's word for what is wrong nor the URL is repeated: there is a password in
/// it.
pub fn check_postgres_url(url: &str) -> anyhow::Result<()> {
    let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
    anyhow::ensure!(
        is_url && url.parse::<PgConnectOptions>().is_ok(),
        "it is not of the form postgres://user:password@host/database (in a password, / is written %2F, # is \
         %23, ? is %3F, @ is %40)"
    );
    Ok(())
}

async fn connect_sqlite(
    path: &Path,
    connections: u32,
    read_only: bool,
) -> anyhow::Result<DatabaseConnection> {
    let file: PathBuf = path.to_owned();
    let mut options = ConnectOptions::new("sqlite::memory:");
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        // A connection that is recycled would drop its prepared statements for nothing.
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .sqlx_logging(false)
        .test_before_acquire(false)
        // After some errors (a full disk, a failed read or write) SQLite has undone the whole
        // transaction by itself. The driver's own ROLLBACK fails then, and it goes on to count one
        // that is open: what it began next would be a savepoint that nothing ever commits.
        .map_sqlx_sqlite_before_acquire(|connection, _| {
            Box::pin(std::future::ready(Ok(!connection.is_in_transaction())))
        })
        .map_sqlx_sqlite_opts(move |options| {
            let options = options
                .filename(&file)
                .in_memory(false)
                .shared_cache(false)
                .busy_timeout(SQLITE_BUSY)
                .foreign_keys(true)
                .read_only(read_only)
                .create_if_missing(!read_only);
            if read_only {
                return options;
            }
            options
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                // INSERT OR REPLACE would bypass the triggers that keep entries append-only.
                .pragma("recursive_triggers", "ON")
                .pragma("cache_size", "-8000")
        });
    Database::connect(options).await.with_context(|| format!("cannot open {}", path.display()))
}

async fn check_pragma(db: &DatabaseConnection, pragma: &str, wanted: &str) -> anyhow::Result<()> {
    let got = scalar(db, &format!("PRAGMA {pragma}")).await?;
    anyhow::ensure!(
        got == wanted,
        "SQLite has {pragma}={got}, but {wanted} is needed to keep what was acknowledged"
    );
    Ok(())
}

/// The first column of the first row as text.
async fn scalar(db: &DatabaseConnection, sql: &str) -> anyhow::Result<String> {
    let row = db
        .query_one_raw(Statement::from_string(db.get_database_backend(), sql))
        .await?
        .with_context(|| format!("`{sql}` returned nothing"))?;
    row.try_get_by_index::<String>(0)
        .or_else(|_| row.try_get_by_index::<i64>(0).map(|number| number.to_string()))
        .or_else(|_| row.try_get_by_index::<i32>(0).map(|number| number.to_string()))
        .with_context(|| format!("`{sql}` returned neither text nor a number"))
}

#[cfg(test)]
mod tests {
    use sea_orm_migration::{MigrationName, MigrationTrait};

    use super::*;

    struct Migration(&'static str);

    impl MigrationName for Migration {
        fn name(&self) -> &str {
            self.0
        }
    }

    #[async_trait::async_trait]
    impl MigrationTrait for Migration {
        async fn up(&self, _: &SchemaManager) -> Result<(), DbErr> {
            Ok(())
        }
    }

    struct Older;

    impl MigratorTrait for Older {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            vec![Box::new(Migration("m1"))]
        }
    }

    struct Newer;

    impl MigratorTrait for Newer {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            vec![Box::new(Migration("m1")), Box::new(Migration("m2"))]
        }
    }

    #[tokio::test]
    async fn an_older_version_lacks_nothing_on_a_newer_schema() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::sqlite(&dir.path().join("test.db")).await.unwrap();
        assert_eq!(db.pending::<Newer>().await.unwrap(), ["m1", "m2"]);
        db.migrate::<Older>().await.unwrap();
        assert_eq!(db.pending::<Newer>().await.unwrap(), ["m2"]);
        db.migrate::<Newer>().await.unwrap();
        assert!(db.pending::<Older>().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_url_that_is_none_is_refused_without_its_password() {
        for url in [
            "postgressql://ada:5ecret@127.0.0.1/x",
            "postgres://ada:5ecret/@127.0.0.1:port/x",
            "sqlite:5ecret.db",
        ] {
            let refused = format!("{:#}", Db::postgres(url, "test", 1).await.unwrap_err());
            assert!(refused.contains("postgres://user:password@host/database"), "{refused}");
            assert!(!refused.contains("5ecret"), "{refused}");
        }
    }

    #[tokio::test]
    async fn sqlite_is_durable_and_serial() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.db");
        let db = Db::sqlite(&path).await.unwrap();
        db.write().execute_unprepared("CREATE TABLE t (n INTEGER)").await.unwrap();
        let tx = db.begin("test").await.unwrap();
        tx.execute_unprepared("INSERT INTO t VALUES (1)").await.unwrap();
        assert_eq!(scalar(db.read(), "SELECT COUNT(*) FROM t").await.unwrap(), "0");
        tx.commit().await.unwrap();
        assert_eq!(scalar(db.read(), "SELECT COUNT(*) FROM t").await.unwrap(), "1");
        let reader = Db::sqlite_read_only(&path).await.unwrap();
        assert!(reader.write().execute_unprepared("INSERT INTO t VALUES (2)").await.is_err());
        assert!(Db::sqlite_read_only(&dir.path().join("none.db")).await.is_err());
    }

    /// SQLite undoes the whole transaction of some statements that find no room, and a driver that
    /// did not notice would go on inside one that never ends: acknowledged, and gone with the process.
    #[tokio::test]
    async fn what_is_written_after_a_full_disk_is_there_for_everybody() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::sqlite(&dir.path().join("test.db")).await.unwrap();
        let sql = "CREATE TABLE t (n INTEGER PRIMARY KEY, what BLOB)";
        db.write().execute_unprepared(sql).await.unwrap();
        db.write().execute_unprepared("PRAGMA max_page_count = 8").await.unwrap();
        for n in 0.. {
            let tx = db.begin("test").await.unwrap();
            // One row: SQLite keeps no journal of the statement that could be undone alone.
            let insert = "INSERT INTO t (what) VALUES (randomblob(1000))";
            if let Err(full) = tx.execute_unprepared(insert).await {
                assert!(full.to_string().contains("full"), "{full}");
                break;
            }
            tx.commit().await.unwrap();
            assert!(n < 100, "the disk is never full");
        }
        db.write().execute_unprepared("DELETE FROM t").await.unwrap();
        db.begin("test").await.unwrap().rollback().await.unwrap();
        db.write().execute_unprepared("INSERT INTO t VALUES (1, 'a')").await.unwrap();
        assert_eq!(scalar(db.read(), "SELECT COUNT(*) FROM t").await.unwrap(), "1");
    }
}
