//! A migrated database per engine, removed with the value that names it.

use std::{fmt, ops::Deref};

use anyhow::Context as _;
use platform::{Db, config::Secret, db::DbConfig};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use sea_orm_migration::MigratorTrait;
use tempfile::TempDir;
use uuid::Uuid;

use crate::Proxy;

/// Names the PostgreSQL server where tests may create databases, as a URL.
pub const POSTGRES_ENV: &str = "HANDSEL_TEST_POSTGRES";

/// The service name that the databases are opened for.
const SERVICE: &str = "test";

/// Connections per test database: enough for concurrent transactions, and twenty tests beside each
/// other still fit into a server's default of 100.
const CONNECTIONS: u32 = 5;

/// Connections of a process that will soon be killed: enough to be in each other's way, and the next one
/// begins with as few.
const CONNECTIONS_THROUGH: u32 = 3;

/// A database that is a test's own. Derefs to [`Db`]; put it into messages to tell the engine.
#[derive(Debug)]
pub struct TestDb {
    db: Db,
    home: Home,
}

/// Where the database is, and what to remove afterwards.
#[derive(Debug)]
enum Home {
    Sqlite(TempDir),
    Postgres(ServerDatabase),
}

/// A database on a PostgreSQL server, dropped with this value: for programs that open it themselves.
pub struct ServerDatabase {
    server: String,
    name: String,
}

/// A fresh, migrated database of each engine: SQLite always, PostgreSQL when [`POSTGRES_ENV`] is set.
///
/// # Panics
/// When one cannot be made; a server that is named must be there.
pub async fn databases<M: MigratorTrait>() -> Vec<TestDb> {
    let mut databases = vec![sqlite::<M>().await];
    databases.extend(postgres::<M>().await);
    databases
}

/// A fresh, migrated SQLite file.
///
/// # Panics
/// When it cannot be made.
pub async fn sqlite<M: MigratorTrait>() -> TestDb {
    let dir = tempfile::tempdir().expect("no temporary folder");
    migrated::<M>(Home::Sqlite(dir)).await.expect("no SQLite database")
}

/// A fresh, migrated PostgreSQL database; none when [`POSTGRES_ENV`] is not set.
///
/// # Panics
/// When the server does not let us create it.
pub async fn postgres<M: MigratorTrait>() -> Option<TestDb> {
    let database = server_database().await?;
    Some(migrated::<M>(Home::Postgres(database)).await.expect("no PostgreSQL database"))
}

/// An empty database on the server; none when [`POSTGRES_ENV`] is not set.
///
/// # Panics
/// When the server does not let us create it.
pub async fn server_database() -> Option<ServerDatabase> {
    let server = std::env::var(POSTGRES_ENV).ok().filter(|url| !url.is_empty())?;
    Some(ServerDatabase::create(server, "template1").await.expect("no PostgreSQL database"))
}

impl TestDb {
    /// `sqlite` or `postgres`.
    pub fn engine_name(&self) -> &'static str {
        match self.home {
            Home::Sqlite(_) => "sqlite",
            Home::Postgres(_) => "postgres",
        }
    }

    /// Another handle with connections of its own, as a second instance or a restarted one has.
    ///
    /// # Panics
    /// When the database cannot be opened.
    pub async fn reopen(&self) -> Db {
        self.home.open(None).await.expect("the database cannot be opened again")
    }

    /// [`TestDb::reopen`], with the proxy in between if the database is on a server.
    ///
    /// # Panics
    /// When the database cannot be opened.
    pub async fn reopen_through(&self, proxy: &Proxy) -> Db {
        self.home.open(Some(proxy)).await.expect("the database cannot be opened again")
    }
}

impl Deref for TestDb {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl fmt::Display for TestDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.home {
            Home::Sqlite(dir) => write!(f, "sqlite {}", dir.path().display()),
            Home::Postgres(database) => write!(f, "postgres {}", database.name),
        }
    }
}

async fn migrated<M: MigratorTrait>(home: Home) -> anyhow::Result<TestDb> {
    let db = home.open(None).await?;
    db.migrate::<M>().await?;
    Ok(TestDb { db, home })
}

impl Home {
    async fn open(&self, proxy: Option<&Proxy>) -> anyhow::Result<Db> {
        match self {
            Self::Sqlite(dir) => Db::open(&DbConfig::default(), SERVICE, dir.path()).await,
            Self::Postgres(database) => {
                let direct = database.url();
                let (url, max_connections) = match proxy {
                    Some(proxy) => (proxy.url(&direct)?, CONNECTIONS_THROUGH),
                    None => (direct, CONNECTIONS),
                };
                let config = DbConfig { url: Secret::new(url), max_connections };
                Db::open(&config, SERVICE, &std::env::temp_dir()).await
            }
        }
    }
}

impl ServerDatabase {
    async fn create(server: String, template: &str) -> anyhow::Result<Self> {
        let name = format!("handsel_test_{}", Uuid::new_v4().simple());
        run(&server, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
        Ok(Self { server, name })
    }

    /// How it is reached, with the password if there is one.
    ///
    /// # Panics
    /// When the server's URL is none.
    pub fn url(&self) -> String {
        with_database(&self.server, &self.name).expect("the server's URL is one")
    }

    /// How it is reached by one of the server's roles that needs no password.
    ///
    /// # Panics
    /// When the server's URL is none.
    pub fn url_of(&self, role: &str) -> String {
        let url = self.url();
        let (scheme, rest) = url.split_once("://").expect("the server's URL is one");
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        format!("{scheme}://{role}@{host}")
    }

    /// Runs statements in it.
    ///
    /// # Panics
    /// When one fails.
    pub async fn execute(&self, statements: &str) {
        run(&self.url(), statements).await.expect("a statement failed");
    }

    /// Another with the same content. Nobody may be connected to this one.
    ///
    /// # Panics
    /// When somebody is.
    #[must_use]
    pub async fn copy(&self) -> Self {
        Self::create(self.server.clone(), &self.name).await.expect("the database cannot be copied")
    }
}

impl Drop for ServerDatabase {
    /// The test's own connections may be open still, and its runtime may be gone: hence FORCE, and a
    /// runtime on another thread.
    fn drop(&mut self) {
        let (server, sql) =
            (self.server.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run(&server, &sql))
        });
        let failed = !matches!(dropped.join(), Ok(Ok(())));
        // A second panic would hide the first.
        if failed && !std::thread::panicking() {
            panic!("the test database {} was not dropped", self.name);
        }
    }
}

/// The server's URL may hold a password.
impl fmt::Debug for ServerDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

async fn run(server: &str, sql: &str) -> anyhow::Result<()> {
    let connection: DatabaseConnection =
        Database::connect(server).await.with_context(|| format!("{POSTGRES_ENV} is not usable"))?;
    connection.execute_unprepared(sql).await?;
    connection.close().await?;
    Ok(())
}

/// The URL with another database in its path.
fn with_database(server: &str, name: &str) -> anyhow::Result<String> {
    let (url, query) = match server.split_once('?') {
        Some((url, query)) => (url, format!("?{query}")),
        None => (server, String::new()),
    };
    let authority = url.find("://").context("a URL has a scheme")? + "://".len();
    let path = url[authority..].find('/').map_or(url.len(), |slash| authority + slash);
    Ok(format!("{}/{name}{query}", &url[..path]))
}

/// Takes every guard of a database away, so that a test can break what it protects.
///
/// # Panics
/// When the database fails.
pub async fn unguard(db: &Db) {
    let conn = db.write();
    let engine = conn.get_database_backend();
    let listed = match engine {
        DbBackend::Postgres => {
            "SELECT t.tgname::text AS name, c.relname::text AS on_table FROM pg_trigger t \
             JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal \
             AND c.relnamespace = current_schema()::regnamespace"
        }
        _ => "SELECT name, tbl_name AS on_table FROM sqlite_master WHERE type = 'trigger'",
    };
    let rows = conn.query_all_raw(Statement::from_string(engine, listed)).await;
    for row in rows.expect("triggers can be listed") {
        let text = |name| row.try_get::<String>("", name).expect("a trigger has names");
        let drop = match engine {
            DbBackend::Postgres => format!("DROP TRIGGER {} ON {}", text("name"), text("on_table")),
            _ => format!("DROP TRIGGER {}", text("name")),
        };
        conn.execute_unprepared(&drop).await.expect("a trigger can be dropped");
    }
    unconstrain(db).await;
}

/// Takes away the checks and the references between tables, too. On SQLite this holds for the writing
/// connection.
async fn unconstrain(db: &Db) {
    let conn = db.write();
    if conn.get_database_backend() != DbBackend::Postgres {
        for pragma in ["ignore_check_constraints = ON", "foreign_keys = OFF"] {
            let pragma = format!("PRAGMA {pragma}");
            conn.execute_unprepared(&pragma).await.expect("constraints can be ignored");
        }
        return;
    }
    let listed = "SELECT c.conname::text AS name, r.relname::text AS on_table FROM pg_constraint c \
                  JOIN pg_class r ON r.oid = c.conrelid WHERE c.contype IN ('c', 'f') \
                  AND r.relnamespace = current_schema()::regnamespace";
    let rows = conn.query_all_raw(Statement::from_string(DbBackend::Postgres, listed)).await;
    for row in rows.expect("constraints can be listed") {
        let text = |name| row.try_get::<String>("", name).expect("a constraint has names");
        let drop = format!("ALTER TABLE {} DROP CONSTRAINT {}", text("on_table"), text("name"));
        conn.execute_unprepared(&drop).await.expect("a constraint can be dropped");
    }
}

#[cfg(test)]
mod tests {
    use sea_orm_migration::MigrationTrait;

    use super::*;

    struct Empty;

    impl MigratorTrait for Empty {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            Vec::new()
        }
    }

    #[tokio::test]
    async fn a_database_is_there_for_all_handles_and_gone_afterwards() {
        for db in databases::<Empty>().await {
            db.write().execute_unprepared("CREATE TABLE t (n INTEGER)").await.unwrap();
            let other = db.reopen().await;
            other.write().execute_unprepared("INSERT INTO t VALUES (1)").await.unwrap();
            let shown = db.to_string();
            assert!(shown.starts_with(db.engine_name()), "{shown}");
            match &db.home {
                Home::Sqlite(dir) => {
                    let path = dir.path().to_owned();
                    drop(db);
                    assert!(!path.exists());
                }
                Home::Postgres(database) => {
                    let url = database.url();
                    drop(db);
                    assert!(run(&url, "SELECT 1").await.is_err(), "{shown}");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_copy_has_what_the_original_had() {
        let Some(original) = server_database().await else { return };
        run(&original.url(), "CREATE TABLE t (n INTEGER)").await.unwrap();
        let copy = original.copy().await;
        run(&copy.url(), "INSERT INTO t VALUES (1)").await.unwrap();
        drop(original);
        run(&copy.url(), "SELECT n FROM t").await.unwrap();
    }

    #[test]
    fn the_database_is_replaced_and_the_rest_kept() {
        let check = |server, url: &str| assert_eq!(with_database(server, "t1").unwrap(), url);
        check("postgres://u:p@host:5432/postgres", "postgres://u:p@host:5432/t1");
        check("postgres://host", "postgres://host/t1");
        check("postgres:///x?host=/run/pg", "postgres:///t1?host=/run/pg");
        assert!(with_database("host", "t1").is_err());
    }
}
