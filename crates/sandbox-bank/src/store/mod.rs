//! The bank's file: one SQLite connection, and the only place with SQL.
//!
//! One file per table family; each function is one statement or a few, inside the transaction that
//! its caller opened with [`Store::write`].

pub(crate) mod checkouts;
mod columns;
pub(crate) mod effects;
pub(crate) mod events;
pub(crate) mod faults;
pub(crate) mod idempotency;
pub(crate) mod payments;
pub(crate) mod refunds;
pub(crate) mod transfers;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::ensure;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::watch;

/// Marks the file as a bank's, so that no other database is taken for one ("hsbk").
const APPLICATION_ID: i32 = 0x6873_626b;

/// The version of `schema.sql`.
const SCHEMA_VERSION: i32 = 1;

/// Another process has the file only while it looks into it; a wait longer than this is a defect.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The bank's file.
pub(crate) struct Store {
    connection: Mutex<Connection>,
    changes: watch::Sender<u64>,
}

impl Store {
    /// Opens or makes the file, and checks that what is written is synced.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let journal: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        ensure!(journal == "wal", "journal mode is {journal}, not wal");
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // INSERT OR REPLACE would otherwise get past the triggers of the log.
        connection.pragma_update(None, "recursive_triggers", true)?;
        migrate(&mut connection)?;
        Ok(Self { connection: Mutex::new(connection), changes: watch::Sender::new(0) })
    }

    /// Runs `work` in one transaction. It is committed and synced when `work` succeeds, undone
    /// when it fails, and runs to its end even when the caller stops waiting.
    pub(crate) async fn write<T, E>(
        self: &Arc<Self>,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<rusqlite::Error> + Send + 'static,
    {
        let store = Arc::clone(self);
        blocking(move || {
            let mut connection = store.connection();
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            store.changes.send_modify(|count| *count += 1);
            Ok(done)
        })
        .await
    }

    /// Runs `work` on a consistent view.
    pub(crate) async fn read<T>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> rusqlite::Result<T>
    where
        T: Send + 'static,
    {
        let store = Arc::clone(self);
        blocking(move || {
            let mut connection = store.connection();
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
            work(&transaction)
        })
        .await
    }

    /// Tells of every committed write, so that what waits for work need not look all the time.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// A panic inside `work` has rolled its transaction back, so the connection stays usable.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<rusqlite::Error> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime goes down and never began the work.
        Err(Err(_)) => Err(rusqlite::Error::UnwindingPanic.into()),
    }
}

fn migrate(connection: &mut Connection) -> anyhow::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number = |pragma: &str| transaction.pragma_query_value(None, pragma, |row| row.get(0));
    let (application_id, version): (i32, i32) =
        (number("application_id")?, number("user_version")?);
    let is_empty: bool =
        transaction
            .query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))?;
    if is_empty {
        transaction.execute_batch(include_str!("schema.sql"))?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    } else {
        ensure!(application_id == APPLICATION_ID, "is not a sandbox bank's file");
        ensure!(
            version == SCHEMA_VERSION,
            "has schema version {version}, but this program knows {SCHEMA_VERSION}"
        );
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_banks_file_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bank.db");
        drop(Store::open(&path).unwrap());
        drop(Store::open(&path).unwrap());

        let stranger = folder.path().join("other.db");
        Connection::open(&stranger).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        let error = Store::open(&stranger).err().unwrap();
        assert_eq!(error.to_string(), "is not a sandbox bank's file");

        Connection::open(&path).unwrap().pragma_update(None, "user_version", 9).unwrap();
        let error = Store::open(&path).err().unwrap();
        assert_eq!(error.to_string(), "has schema version 9, but this program knows 1");
    }

    #[test]
    fn the_log_is_append_only() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("bank.db")).unwrap();
        let connection = store.connection();
        let row = "(1, 0, 'transfer.paid', 'trf_1', 'r', 5, 0, 'USD', 'd')";
        connection.execute(&format!("INSERT INTO effects VALUES {row}"), []).unwrap();
        for forbidden in [
            "UPDATE effects SET amount_minor = 6".to_owned(),
            "DELETE FROM effects".to_owned(),
            format!("INSERT OR REPLACE INTO effects VALUES {row}"),
        ] {
            let error = connection.execute(&forbidden, []).unwrap_err();
            assert!(error.to_string().contains("append-only"), "{forbidden}: {error}");
        }
    }
}
