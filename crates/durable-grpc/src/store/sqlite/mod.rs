//! The embedded store: one SQLite file, owned by one process.
//!
//! | module | what it does |
//! |---|---|
//! | `open` | lock, schema, settings, and what is unfinished after a restart |
//! | `writer` | the one thread that talks to SQLite: groups what has gathered into one commit |
//! | `lanes`, `lane` | in memory: what is ready, what is later, who has claimed what |
//! | `submit`, `finish`, `repair`, `read` | the operations, each with its SQL |
//!
//! A commit is durable (WAL, `synchronous = FULL`) before anyone hears of it. Claims live in memory:
//! they need no disk, because after a restart no worker of this process is alive, and every
//! unfinished call is claimable again.

mod finish;
mod lane;
mod lanes;
mod open;
mod read;
mod repair;
mod rows;
mod submit;
mod writer;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use tokio::time::Instant;

pub use self::open::OpenError;
use self::{lanes::Lanes, writer::Writer};
use super::{
    Backlog, CallStore, CallView, Cancelled, Claim, DeadLetter, DeadLetterFilter, Finish, Hints,
    LaneStats, NewCall, Owner, Receipt, Recorded, StoreError, Submitted, TargetHealth,
    watchers::Watchers,
};
use crate::{
    clock::{Clock, SystemClock},
    id::CallId,
};

/// The most bytes of messages that may wait in one lane unless the options say otherwise.
const DEFAULT_LANE_BYTES: u64 = 1024 * 1024 * 1024;
/// The most bytes of waiting messages that are kept in memory; the rest is read when its turn comes.
const DEFAULT_CACHE_BYTES: usize = 64 * 1024 * 1024;

/// How a [`SqliteStore`] is opened.
#[derive(Clone)]
#[must_use]
pub struct SqliteOptions {
    clock: Arc<dyn Clock>,
    lane_bytes: u64,
    cache_bytes: usize,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            lane_bytes: DEFAULT_LANE_BYTES,
            cache_bytes: DEFAULT_CACHE_BYTES,
        }
    }
}

impl SqliteOptions {
    /// Follows this clock instead of the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Refuses submissions to a lane in which messages of this many bytes wait. The default is 1 GiB.
    pub const fn lane_bytes(mut self, bytes: u64) -> Self {
        self.lane_bytes = bytes;
        self
    }

    /// Keeps at most so many bytes of waiting messages in memory. The default is 64 MiB.
    pub const fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Opens or creates the file.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, OpenError> {
        let opened = open::open(path.as_ref(), &self)?;
        let shared = Arc::new(Shared {
            clock: self.clock,
            lane_bytes: self.lane_bytes,
            lanes: Mutex::new(opened.lanes),
            watchers: Watchers::default(),
        });
        let writer = Writer::start(opened.connection, opened.routes, opened.lock, shared.clone())?;
        Ok(SqliteStore { shared, writer })
    }
}

/// A call store in one SQLite file. See the [module](self) for how it works. Dropping it waits for
/// what has been handed to it and closes the file.
pub struct SqliteStore {
    shared: Arc<Shared>,
    writer: Writer,
}

/// What the callers' side and the writer share.
struct Shared {
    clock: Arc<dyn Clock>,
    lane_bytes: u64,
    lanes: Mutex<Lanes>,
    watchers: Watchers,
}

impl SqliteStore {
    /// Opens or creates the file with every default.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        SqliteOptions::default().open(path)
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl Shared {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> i64 {
        to_ms(self.clock.now())
    }

    /// Tells everyone who watches. Called only after the commit.
    fn tell(&self, tell: impl Fn(&dyn Hints)) {
        self.watchers.tell(tell);
    }
}

#[async_trait]
impl CallStore for SqliteStore {
    async fn submit(&self, calls: Vec<NewCall>) -> Vec<Result<Submitted, StoreError>> {
        let count = calls.len();
        let results = self.writer.run(submit::Submit::new(calls)).await;
        results.unwrap_or_else(|error| vec![Err(error); count])
    }

    async fn claim(
        &self,
        owner: Owner,
        lane: &str,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Claim>, StoreError> {
        let give_up = Instant::now() + wait;
        let arrivals = self.shared.lanes().arrivals(lane);
        loop {
            // Listening before looking: what arrives in between is not missed.
            let mut arrived = std::pin::pin!(arrivals.notified());
            arrived.as_mut().enable();
            let now_ms = self.shared.now_ms();
            let now = self.shared.clock.monotonic();
            let turn = self.shared.lanes().claim(owner, lane, limit, now, now_ms);
            if !turn.to_load.is_empty() {
                self.writer.send(repair::Load::new(lane, turn.to_load))?;
            }
            if !turn.claims.is_empty() {
                return Ok(turn.claims);
            }
            if self.writer.is_closed() {
                return Err(StoreError::Closed);
            }
            if Instant::now() >= give_up {
                return Ok(Vec::new());
            }
            let until_due = turn.next_due_ms.map(|due| since_ms(now_ms, due));
            let wake_at = until_due.map_or(give_up, |due| (Instant::now() + due).min(give_up));
            // Whether something arrived or time passed: the next look tells.
            _ = tokio::time::timeout_at(wake_at, arrived).await;
        }
    }

    async fn started(&self, receipts: Vec<Receipt>) -> Vec<Result<Recorded, StoreError>> {
        let count = receipts.len();
        let results = self.writer.run(finish::Started::new(receipts)).await;
        results.unwrap_or_else(|error| vec![Err(error); count])
    }

    async fn finish(&self, items: Vec<Finish>) -> Vec<Result<Recorded, StoreError>> {
        let count = items.len();
        let results = self.writer.run(finish::FinishAll::new(items)).await;
        results.unwrap_or_else(|error| vec![Err(error); count])
    }

    async fn heartbeat(
        &self,
        owner: Owner,
        lanes: &[(Arc<str>, TargetHealth)],
    ) -> Result<(), StoreError> {
        self.shared.lanes().report(owner, lanes, self.shared.clock.monotonic());
        Ok(())
    }

    async fn takeover(&self) -> Result<usize, StoreError> {
        let silent = self.shared.lanes().silent_owners(self.shared.clock.monotonic());
        if silent.is_empty() {
            return Ok(0);
        }
        self.writer.run(repair::GiveUp::new(silent)).await
    }

    async fn release(&self, owner: Owner) -> Result<usize, StoreError> {
        self.writer.run(repair::GiveUp::new(vec![owner])).await
    }

    async fn lookup(&self, ids: Vec<CallId>) -> Result<Vec<Option<CallView>>, StoreError> {
        self.writer.run(read::Lookup::new(ids)).await
    }

    async fn lookup_key(
        &self,
        lane: &str,
        method: &str,
        key: &str,
    ) -> Result<Option<CallView>, StoreError> {
        self.writer.run(read::LookupKey::new(lane, method, key)).await
    }

    async fn cancel(&self, id: CallId) -> Result<Cancelled, StoreError> {
        self.writer.run(repair::Cancel::new(id)).await?
    }

    async fn dead_letters(&self, filter: DeadLetterFilter) -> Result<Vec<DeadLetter>, StoreError> {
        self.writer.run(read::DeadLetters::new(filter)).await
    }

    async fn replay(&self, id: CallId) -> Result<bool, StoreError> {
        self.writer.run(repair::Replay::new(id)).await
    }

    async fn discard(&self, id: CallId) -> Result<bool, StoreError> {
        self.writer.run(repair::Discard::new(id)).await
    }

    async fn stats(&self) -> Result<Vec<LaneStats>, StoreError> {
        let dead = self.writer.run(read::CountDead).await?;
        Ok(self.shared.lanes().stats(&dead, self.shared.now_ms()))
    }

    async fn backlog(&self, lane: &str) -> Result<Backlog, StoreError> {
        let (now, now_ms) = (self.shared.clock.monotonic(), self.shared.now_ms());
        Ok(self.shared.lanes().backlog(lane, now, now_ms))
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        self.writer.run(repair::Sweep::new(limit)).await
    }

    fn watch(&self, hints: Weak<dyn Hints>) {
        self.shared.watchers.add(hints);
    }
}

fn to_ms(time: SystemTime) -> i64 {
    // Times before 1970 mean "at once" for a due time, and nothing else has them.
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    duration_ms(since)
}

fn from_ms(ms: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}

fn duration_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// From one time to a later one; nothing if it is not later.
fn since_ms(earlier: i64, later: i64) -> Duration {
    Duration::from_millis(u64::try_from(later.saturating_sub(earlier)).unwrap_or_default())
}
