//! The one thread that talks to SQLite.
//!
//! Whatever has gathered while the last commit was on its way goes into the next one; a lone caller
//! finds the thread idle and is served at once. Operations change memory only after the commit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{OpenError, Shared, open::FileLock, rows::Routes};
use crate::store::StoreError;

/// The most operations that share a commit: beyond this the commit costs little per operation, and
/// the first of them should not wait longer.
const MAX_BATCH: usize = 512;
/// The most bytes of messages that share a commit.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Statements that stay prepared: all there are.
const PREPARED_STATEMENTS: usize = 64;

/// What the writer works on.
pub(super) struct Database {
    pub(super) connection: Connection,
    pub(super) routes: Routes,
    pub(super) shared: Arc<Shared>,
}

/// One operation on the store.
pub(super) trait Operation: Send + 'static {
    /// What the caller gets.
    type Output: Send + 'static;
    /// Whether the operation needs a transaction. Reads run behind the commit of their batch.
    const WRITES: bool;

    /// Talks to SQLite. May run again from the start after a rollback.
    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<Self::Output>;

    /// Changes memory and tells watchers, now that the transaction is durable.
    fn committed(&mut self, shared: &Shared, output: &Self::Output);

    /// Undoes what `apply` has reserved in memory.
    fn rolled_back(&mut self, _shared: &Shared) {}

    /// The bytes of messages that the operation writes.
    fn bytes(&self) -> usize {
        0
    }
}

/// Hands operations to the thread.
pub(super) struct Writer {
    // Unbounded, because whoever sends also waits: callers are what bounds it.
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        routes: Routes,
        lock: FileLock,
        shared: Arc<Shared>,
    ) -> Result<Self, OpenError> {
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        let (jobs, queue) = mpsc::channel();
        let closed = Arc::new(AtomicBool::new(false));
        let closing = ClosedOnDrop(closed.clone());
        let mut database = Database { connection, routes, shared };
        let thread = thread::Builder::new()
            .name("durable-calls".to_owned())
            .spawn(move || {
                // The lock outlives the connection, also when the thread panics.
                let _lock = lock;
                let _closing = closing;
                database.work(&queue);
                drop(database);
            })
            .map_err(OpenError::Thread)?;
        Ok(Self { jobs: Some(jobs), closed, thread: Some(thread) })
    }

    /// Runs an operation and waits until it is durable.
    pub(super) async fn run<O: Operation>(&self, operation: O) -> Result<O::Output, StoreError> {
        let (reply, result) = oneshot::channel();
        self.enqueue(operation, Some(reply))?;
        let gone = || StoreError::Uncertain("store closed while it was writing".to_owned());
        result.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Hands an operation over whose result nobody needs.
    pub(super) fn send<O: Operation>(&self, operation: O) -> Result<(), StoreError> {
        self.enqueue(operation, None)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn enqueue<O: Operation>(
        &self,
        operation: O,
        reply: Option<Reply<O>>,
    ) -> Result<(), StoreError> {
        let job = Box::new(Queued { operation, output: None, reply });
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        jobs.send(job).map_err(|_| StoreError::Closed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without a sender the thread finishes what it has and closes the file.
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the call store panicked");
        }
    }
}

struct ClosedOnDrop(Arc<AtomicBool>);

impl Drop for ClosedOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A failed transaction.
struct Failed {
    error: rusqlite::Error,
    /// The commit itself failed: a crash right now might still find it in the log.
    at_commit: bool,
}

impl Failed {
    fn as_store_error(&self) -> StoreError {
        if self.at_commit {
            StoreError::Uncertain(self.error.to_string())
        } else {
            StoreError::NotWritten(self.error.to_string())
        }
    }
}

impl Database {
    fn work(&mut self, queue: &mpsc::Receiver<Box<dyn Job>>) {
        while let Ok(first) = queue.recv() {
            let mut bytes = first.bytes();
            let (mut writes, mut reads) = (Vec::new(), Vec::new());
            let mut next = Some(first);
            while let Some(job) = next.take() {
                bytes += job.bytes();
                if job.writes() {
                    writes.push(job)
                } else {
                    reads.push(job)
                }
                if writes.len() + reads.len() < MAX_BATCH && bytes < MAX_BATCH_BYTES {
                    next = queue.try_recv().ok();
                }
            }
            self.write(writes);
            for mut read in reads {
                match read.apply(self) {
                    Ok(()) => read.committed(&self.shared),
                    Err(error) => {
                        read.failed(&self.shared, &StoreError::NotWritten(error.to_string()));
                    }
                }
            }
        }
    }

    fn write(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        if jobs.is_empty() {
            return;
        }
        match self.transaction(&mut jobs) {
            Ok(()) => {
                for mut job in jobs {
                    job.committed(&self.shared);
                }
            }
            Err(failed) if failed.at_commit || jobs.len() == 1 => {
                tracing::error!(error = %failed.error, "the call store could not commit");
                for mut job in jobs {
                    job.failed(&self.shared, &failed.as_store_error());
                }
            }
            Err(_) => {
                // One operation has spoilt it for all: each by itself, so that only that one fails.
                for job in jobs {
                    self.write(vec![job]);
                }
            }
        }
    }

    fn transaction(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Failed> {
        let result = self.apply_all(jobs);
        if result.is_err() {
            if !self.connection.is_autocommit()
                && let Err(error) = self.connection.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "the call store could not roll back");
            }
            for job in jobs {
                job.rolled_back(&self.shared);
            }
            // Routes that were added in the transaction are gone with it.
            match Routes::load(&self.connection) {
                Ok(routes) => self.routes = routes,
                Err(error) => tracing::error!(%error, "the routes could not be read again"),
            }
        }
        result
    }

    fn apply_all(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Failed> {
        let before = |error| Failed { error, at_commit: false };
        self.step("BEGIN IMMEDIATE").map_err(before)?;
        for job in jobs {
            job.apply(self).map_err(before)?;
        }
        self.step("COMMIT").map_err(|error| Failed { error, at_commit: true })
    }

    fn step(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }
}

type Reply<O> = oneshot::Sender<Result<<O as Operation>::Output, StoreError>>;

/// An operation on its way, whatever its output.
trait Job: Send {
    fn writes(&self) -> bool;
    fn bytes(&self) -> usize;
    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<()>;
    fn rolled_back(&mut self, shared: &Shared);
    fn committed(&mut self, shared: &Shared);
    fn failed(&mut self, shared: &Shared, error: &StoreError);
}

struct Queued<O: Operation> {
    operation: O,
    output: Option<O::Output>,
    reply: Option<Reply<O>>,
}

impl<O: Operation> Job for Queued<O> {
    fn writes(&self) -> bool {
        O::WRITES
    }

    fn bytes(&self) -> usize {
        self.operation.bytes()
    }

    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<()> {
        self.output = Some(self.operation.apply(database)?);
        Ok(())
    }

    fn rolled_back(&mut self, shared: &Shared) {
        self.output = None;
        self.operation.rolled_back(shared);
    }

    fn committed(&mut self, shared: &Shared) {
        let Some(output) = self.output.take() else { return };
        self.operation.committed(shared, &output);
        if let Some(reply) = self.reply.take() {
            // A caller that has gone away has detached; the operation stands.
            _ = reply.send(Ok(output));
        }
    }

    fn failed(&mut self, shared: &Shared, error: &StoreError) {
        self.operation.rolled_back(shared);
        if let Some(reply) = self.reply.take() {
            _ = reply.send(Err(error.clone()));
        }
    }
}
