//! The store for several processes: Redis 7 or later, or Valkey; alone or as a cluster.
//!
//! | module | what it does |
//! |---|---|
//! | `options` | settings, and what is checked about a server before it is used |
//! | `link` | connections: one for scripts, further ones for blocking reads, made again when lost |
//! | `batch` | groups what concurrent callers submit and finish into one script call |
//! | `script`, `lua/` | the scripts: each is atomic, and all that changes calls is in them |
//! | `submit`, `finish`, `read`, `repair` | the operations, each with its arguments and results |
//! | `claim` | blocking reads, and what a reader does after it lost an answer |
//! | `held` | the claims that this process holds |
//! | `promote` | moves calls that have become due into the stream |
//! | `hints` | the one subscription of this process: ends and cancellations |
//! | `codec` | bytes to values and back |
//!
//! # What is where
//!
//! All keys of a lane share a hash tag, `durable:{lane}`, and with it a slot of a cluster:
//!
//! | key | what it holds |
//! |---|---|
//! | `…:stream` | calls that are due or run, with their messages; group `workers`, one consumer for each owner |
//! | `…:later` | sorted set: calls that wait for their time or their next try |
//! | `…:call:ID` | hash: state, hash, policy, counts, who waits; the message while it is not in the stream; the record after the end |
//! | `…:key:METHOD KEY` | the id of the call that a key names |
//! | `…:dead` | dead letters, by id |
//! | `…:meta`, `…:owners`, `…:health` | sums, heartbeats, reports of workers |
//!
//! A claim is an entry of the group's pending list, and its stream id is the fencing token: finishing
//! asks who holds that very entry, and a call that is taken over gets a new one. Time is the
//! server's.
//!
//! # What it survives
//!
//! As much as the server's settings do. With `appendonly yes` and `appendfsync everysec` a crash of
//! the host may lose about a second of accepted calls *or of recorded answers*, a crash of the
//! process loses nothing; `appendfsync always` survives both. A failover to a replica may lose
//! acknowledged writes in every mode. An outbox keeps its rows until they are answered and submits
//! them again, so what must not be lost goes through one.

mod batch;
mod claim;
mod codec;
mod finish;
mod held;
mod hints;
mod link;
mod options;
mod promote;
mod read;
mod repair;
mod script;
mod submit;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use uuid::Uuid;

pub use self::options::{ConnectError, RedisOptions};
use self::{
    batch::Batcher, claim::Readers, finish::FinishBatch, held::Held, link::Link, promote::Promoter,
    submit::SubmitBatch,
};
use super::{
    Backlog, CallStore, CallView, Cancelled, Claim, DeadLetter, DeadLetterFilter, Finish, Hints,
    LaneStats, NewCall, Owner, Receipt, Recorded, StoreError, Submitted, TargetHealth,
    watchers::Watchers,
};
use crate::id::CallId;

/// A call store on Redis. See the [module](self) for how it works and what it survives. Any number
/// of processes share the calls of one server and prefix.
pub struct RedisStore {
    shared: Arc<Shared>,
    readers: Readers,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// What operations and background tasks share.
struct Shared {
    options: RedisOptions,
    link: Link,
    /// Names this process in the lists of who waits.
    process: String,
    lanes: Mutex<HashMap<Arc<str>, Arc<Lane>>>,
    watchers: Watchers,
    /// The claims that this process holds.
    held: Held,
    /// What the server's clock is ahead of ours, in milliseconds.
    clock_lead_ms: AtomicI64,
}

/// What this process keeps about a lane.
struct Lane {
    name: Arc<str>,
    /// The connection over which the lane was put on the list of all lanes.
    announced: AtomicU64,
    /// The prefix of its keys, with the hash tag.
    prefix: String,
    submit: Batcher<SubmitBatch>,
    finish: Batcher<FinishBatch>,
    promoter: Promoter,
}

impl Lane {
    /// The key of what is due or runs.
    fn stream(&self) -> String {
        format!("{}:stream", self.prefix)
    }
}

impl RedisStore {
    /// Connects to a server with every default.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        RedisOptions::default().connect(url).await
    }

    fn start(options: RedisOptions, link: Link) -> Self {
        let shared = Arc::new(Shared {
            options,
            link,
            process: Uuid::now_v7().simple().to_string(),
            lanes: Mutex::default(),
            watchers: Watchers::default(),
            held: Held::default(),
            clock_lead_ms: AtomicI64::new(0),
        });
        let listener = tokio::spawn(hints::listen(Arc::downgrade(&shared)));
        Self { shared, readers: Readers::default(), tasks: vec![listener] }
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl std::fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.shared.options.prefix)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn lane(self: &Arc<Self>, name: &str) -> Arc<Lane> {
        let mut lanes = lock(&self.lanes);
        if let Some(lane) = lanes.get(name) {
            return lane.clone();
        }
        let name: Arc<str> = name.into();
        let lane = Arc::new(Lane {
            name: name.clone(),
            announced: AtomicU64::new(0),
            prefix: format!("{}:{{{name}}}", self.options.prefix),
            submit: Batcher::default(),
            finish: Batcher::default(),
            promoter: Promoter::default(),
        });
        lanes.insert(name, lane.clone());
        lane
    }

    /// Notes the server's time, as a script told it.
    fn heard_time(&self, now_ms: i64) {
        let lead = now_ms - self.options.ahead_ms() - system_ms();
        self.clock_lead_ms.store(lead, Ordering::Relaxed);
    }

    /// The store's time, as well as this process knows it.
    fn now_ms(&self) -> i64 {
        system_ms() + self.clock_lead_ms.load(Ordering::Relaxed) + self.options.ahead_ms()
    }

    /// The prefix of the channels on which processes hear of ends.
    fn ends_prefix(&self) -> String {
        format!("{}:ended:", self.options.prefix)
    }

    /// The channel on which workers hear of cancellations.
    fn cancel_channel(&self) -> String {
        format!("{}:cancel", self.options.prefix)
    }

    /// The set of all lanes that anyone has used.
    fn lanes_key(&self) -> String {
        format!("{}:lanes", self.options.prefix)
    }

    fn tell(&self, tell: impl Fn(&dyn Hints)) {
        self.watchers.tell(tell);
    }
}

#[async_trait]
impl CallStore for RedisStore {
    async fn submit(&self, calls: Vec<NewCall>) -> Vec<Result<Submitted, StoreError>> {
        submit::submit(&self.shared, calls).await
    }

    async fn claim(
        &self,
        owner: Owner,
        lane: &str,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Claim>, StoreError> {
        self.readers.claim(&self.shared, owner, lane, limit, wait).await
    }

    async fn started(&self, receipts: Vec<Receipt>) -> Vec<Result<Recorded, StoreError>> {
        finish::started(&self.shared, receipts).await
    }

    async fn finish(&self, items: Vec<Finish>) -> Vec<Result<Recorded, StoreError>> {
        finish::finish(&self.shared, items).await
    }

    async fn heartbeat(
        &self,
        owner: Owner,
        lanes: &[(Arc<str>, TargetHealth)],
    ) -> Result<(), StoreError> {
        self.readers.beat(&self.shared, owner, lanes).await
    }

    async fn takeover(&self) -> Result<usize, StoreError> {
        repair::takeover(&self.shared).await
    }

    async fn release(&self, owner: Owner) -> Result<usize, StoreError> {
        self.readers.release(&self.shared, owner).await
    }

    async fn lookup(&self, ids: Vec<CallId>) -> Result<Vec<Option<CallView>>, StoreError> {
        read::lookup(&self.shared, &ids).await
    }

    async fn lookup_key(
        &self,
        lane: &str,
        method: &str,
        key: &str,
    ) -> Result<Option<CallView>, StoreError> {
        read::lookup_key(&self.shared, lane, method, key).await
    }

    async fn cancel(&self, id: CallId) -> Result<Cancelled, StoreError> {
        repair::cancel(&self.shared, id).await
    }

    async fn dead_letters(&self, filter: DeadLetterFilter) -> Result<Vec<DeadLetter>, StoreError> {
        read::dead_letters(&self.shared, filter).await
    }

    async fn replay(&self, id: CallId) -> Result<bool, StoreError> {
        repair::replay(&self.shared, id).await
    }

    async fn discard(&self, id: CallId) -> Result<bool, StoreError> {
        repair::discard(&self.shared, id).await
    }

    async fn stats(&self) -> Result<Vec<LaneStats>, StoreError> {
        read::stats(&self.shared).await
    }

    async fn backlog(&self, lane: &str) -> Result<Backlog, StoreError> {
        read::backlog(&self.shared, lane).await
    }

    /// Records expire by themselves.
    async fn sweep(&self, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }

    fn watch(&self, hints: Weak<dyn Hints>) {
        self.shared.watchers.add(hints);
    }
}

fn system_ms() -> i64 {
    to_ms(SystemTime::now())
}

fn to_ms(time: SystemTime) -> i64 {
    // Times before 1970 mean "at once" for a due time, and nothing else has them.
    duration_ms(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

fn duration_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Nothing in this store panics between two changes that belong together.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
