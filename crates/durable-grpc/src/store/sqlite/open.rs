//! Opening the file: one owner, the right schema, the right settings, and what is unfinished.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, params};

use super::{
    SqliteOptions,
    lane::{Waiting, message_bytes},
    lanes::Lanes,
    rows::{Routes, STARTED, WAITING},
    to_ms,
};
use crate::{id::CallId, store::Ended};

/// Tells our files from other SQLite files: "durc".
const APPLICATION_ID: i32 = 0x6475_7263;
/// The version of the schema that this code writes.
const SCHEMA_VERSION: i32 = 1;
const SCHEMA: &str = include_str!("schema.sql");

/// Pages of 4 KiB in the log before a checkpoint: 16 MiB. A checkpoint syncs the main file, which is
/// dear, and a longer log makes it rarer.
const CHECKPOINT_PAGES: i32 = 4096;
/// Negative means KiB: 16 MiB of pages stay in memory, enough for all that is in flight.
const PAGE_CACHE: i32 = -16 * 1024;

/// Why a call store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the file, or this one has it open already.
    #[error("{0} is in use by another process or opened twice")]
    InUse(PathBuf),
    /// The lock file cannot be created or locked.
    #[error("{0} cannot be locked: {1}")]
    Lock(PathBuf, #[source] io::Error),
    /// The file is a database of something else.
    #[error("{0} is not a call store")]
    Foreign(PathBuf),
    /// The file was written by a newer version.
    #[error("{path} has schema version {found}, this version knows {known}")]
    TooNew {
        /// The file.
        path: PathBuf,
        /// The version found in it.
        found: i32,
        /// The newest version that is known.
        known: i32,
    },
    /// SQLite refused.
    #[error("call store cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The writer's thread cannot be started.
    #[error("writer thread cannot be started: {0}")]
    Thread(#[source] io::Error),
}

/// Held as long as the file is open.
pub(super) struct FileLock {
    _file: File,
}

/// What an opened file brings.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) routes: Routes,
    pub(super) lanes: Lanes,
    pub(super) lock: FileLock,
}

pub(super) fn open(path: &Path, options: &SqliteOptions) -> Result<Opened, OpenError> {
    let lock = lock(path)?;
    let mut connection = Connection::open(path)?;
    settings(&connection)?;
    schema(path, &mut connection)?;
    let now_ms = to_ms(options.clock.now());
    end_what_was_started(&connection, now_ms)?;
    let routes = Routes::load(&connection)?;
    let lanes = unfinished(&connection, &routes, options, now_ms)?;
    Ok(Opened { connection, routes, lanes, lock })
}

/// Locks a file beside the database. The database itself would not do: closing any handle to it
/// would drop the locks that SQLite holds on it.
fn lock(path: &Path) -> Result<FileLock, OpenError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let beside = PathBuf::from(beside);
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(&beside)
        .map_err(|error| OpenError::Lock(beside.clone(), error))?;
    match file.try_lock() {
        Ok(()) => Ok(FileLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(OpenError::Lock(beside, error)),
    }
}

fn settings(connection: &Connection) -> rusqlite::Result<()> {
    // Exclusive: nobody else may open the file, so the log needs no shared memory and no locking.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "cache_size", PAGE_CACHE)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(())
}

fn schema(path: &Path, connection: &mut Connection) -> Result<(), OpenError> {
    let read = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (read("application_id")?, read("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application == APPLICATION_ID {
        return if version <= SCHEMA_VERSION {
            Ok(())
        } else {
            let path = path.to_owned();
            Err(OpenError::TooNew { path, found: version, known: SCHEMA_VERSION })
        };
    }
    if tables > 0 {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// Calls that had been marked before they were sent, and whose end was never recorded.
fn end_what_was_started(connection: &Connection, now_ms: i64) -> rusqlite::Result<()> {
    let ended = Ended::lost_after_start();
    connection.execute(
        "UPDATE calls SET state = ?1, record = ?2, ended_at_ms = ?3, lost = lost + 1
         WHERE state = ?4 AND state < 2",
        params![ended.kind.number(), ended.encode(), now_ms, STARTED],
    )?;
    Ok(())
}

/// Every unfinished call, without its message: the lanes read messages when their turn comes.
fn unfinished(
    connection: &Connection,
    routes: &Routes,
    options: &SqliteOptions,
    now_ms: i64,
) -> rusqlite::Result<Lanes> {
    let mut lanes = Lanes::new(options.cache_bytes);
    let mut statement = connection.prepare(
        "SELECT seq, id, route, due_at_ms, expires_at_ms, lost, length(payload), state
         FROM calls WHERE state < 2 ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        debug_assert_eq!(row.get::<_, u32>(7)?, WAITING, "started calls have just been ended");
        let (lane, _) = routes.name(row.get(2)?)?;
        let due_ms: i64 = row.get(3)?;
        let lost: u32 = row.get(5)?;
        let length: Option<i64> = row.get(6)?;
        let waiting = Waiting {
            seq: row.get(0)?,
            id: CallId::from_bytes(row.get(1)?),
            due_ms,
            expires_ms: row.get(4)?,
            bytes: message_bytes(usize::try_from(length.unwrap_or_default()).unwrap_or_default()),
            // A call that was due may have been sent by the process that is gone.
            lost: lost.saturating_add(u32::from(due_ms <= now_ms)),
            call: None,
        };
        lanes.push(&lane, waiting, now_ms);
    }
    Ok(lanes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_on_disk_before_anyone_hears_of_it() {
        let folder = tempfile::tempdir().unwrap();
        // `synchronous` belongs to the connection, not to the file: it is set each time.
        for _ in 0..2 {
            let path = folder.path().join("calls.db");
            let opened = open(&path, &SqliteOptions::default()).unwrap();
            let read = |name| opened.connection.pragma_query_value(None, name, |row| row.get(0));
            assert_eq!(read("journal_mode"), Ok("wal".to_owned()));
            let read = |name| opened.connection.pragma_query_value(None, name, |row| row.get(0));
            assert_eq!(read("synchronous"), Ok(2), "full");
        }
    }
}
