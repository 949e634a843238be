//! Stores to test, and a caller, a worker and a till around one of them.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use durable_grpc::{
    BreakerOptions, CallId, CallStore, Calls, CallsBuilder, Clock, DurableChannel, OpenError,
    RawCall, RequestExt as _, SqliteOptions, Target, Worker, WorkerHandle,
    store::{CallState, EndKind},
};
use prost::Message as _;
use tonic::Request;

use crate::{
    DESCRIPTORS,
    callee::Callee,
    shop::{Order, till_client::TillClient},
};

pub(crate) const LANE: &str = "till";
pub(crate) const RESERVE: &str = "/shop.v1.Till/Reserve";
pub(crate) const CHARGE: &str = "/shop.v1.Till/Charge";

/// How long a test waits for what has to come, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A place where stores can be opened, closed and opened again.
pub(crate) trait Stores: Default {
    /// Opens the store, after whoever had it before has let go.
    async fn open(&self) -> Arc<dyn CallStore>;

    /// Lets time pass by the store's clock.
    fn advance(&self, time: Duration);

    /// The time by the store's clock.
    fn now(&self) -> SystemTime;
}

/// SQLite in a temporary folder.
pub(crate) struct SqliteStores {
    folder: tempfile::TempDir,
    clock: Arc<ShiftedClock>,
}

impl Default for SqliteStores {
    fn default() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: Arc::default() }
    }
}

impl SqliteStores {
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("calls.db")
    }

    pub(crate) fn options(&self) -> SqliteOptions {
        SqliteOptions::default().clock(self.clock.clone())
    }
}

impl Stores for SqliteStores {
    async fn open(&self) -> Arc<dyn CallStore> {
        let opened =
            eventually("the file is free", async || match self.options().open(self.path()) {
                Err(OpenError::InUse(_)) => None,
                opened => Some(opened),
            })
            .await;
        Arc::new(opened.unwrap())
    }

    fn advance(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.clock.ahead_ms.fetch_add(millis, Ordering::SeqCst);
    }

    fn now(&self) -> SystemTime {
        self.clock.now()
    }
}

/// Redis in a process of its own, reached over a socket in a temporary folder.
#[cfg(feature = "redis")]
pub(crate) struct RedisStores {
    server: crate::redis_server::RedisServer,
    clock: Arc<ShiftedClock>,
}

#[cfg(feature = "redis")]
impl Default for RedisStores {
    fn default() -> Self {
        Self { server: crate::redis_server::RedisServer::start(&[]), clock: Arc::default() }
    }
}

#[cfg(feature = "redis")]
impl RedisStores {
    pub(crate) fn options(&self) -> durable_grpc::RedisOptions {
        let clock = self.clock.clone();
        durable_grpc::RedisOptions::default()
            .clock_ahead(move || Duration::from_millis(clock.ahead_ms.load(Ordering::SeqCst)))
    }

    pub(crate) const fn server(&self) -> &crate::redis_server::RedisServer {
        &self.server
    }
}

#[cfg(feature = "redis")]
impl Stores for RedisStores {
    async fn open(&self) -> Arc<dyn CallStore> {
        Arc::new(self.options().connect(&self.server.url()).await.unwrap())
    }

    fn advance(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.clock.ahead_ms.fetch_add(millis, Ordering::SeqCst);
        self.server.age(time);
    }

    fn now(&self) -> SystemTime {
        self.clock.now()
    }
}

/// The system's clock, set ahead at will.
#[derive(Default)]
struct ShiftedClock {
    ahead_ms: AtomicU64,
}

impl Clock for ShiftedClock {
    fn now(&self) -> SystemTime {
        SystemTime::now() + Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Instant {
        Instant::now() + Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst))
    }
}

/// Durable calls over a store, and a till.
pub(crate) struct Rig {
    pub(crate) calls: Calls,
    pub(crate) callee: Callee,
}

/// Many tests submit before there is a worker, or set the clock ahead of its reports.
pub(crate) fn patient() -> BreakerOptions {
    BreakerOptions::default().start_grace(Duration::from_hours(1))
}

impl Rig {
    pub(crate) async fn new(stores: &impl Stores) -> Self {
        Self::over(stores.open().await, Callee::default())
    }

    pub(crate) fn over(store: Arc<dyn CallStore>, callee: Callee) -> Self {
        Self::built(store, callee, |builder| builder.breaker(patient()))
    }

    /// A rig whose calls are built in a particular way.
    pub(crate) fn built(
        store: Arc<dyn CallStore>,
        callee: Callee,
        options: impl FnOnce(CallsBuilder) -> CallsBuilder,
    ) -> Self {
        let builder = Calls::builder_shared(store)
            .descriptors(DESCRIPTORS)
            .forward_metadata(["x-tenant", "x-raw-bin"]);
        Self { calls: options(builder).build().unwrap(), callee }
    }

    /// A worker that serves the lane in process.
    pub(crate) fn worker(&self) -> WorkerHandle {
        self.worker_at(Target::in_process(self.callee.routes()))
    }

    pub(crate) fn worker_at(&self, target: Target) -> WorkerHandle {
        let grace = Duration::from_millis(200);
        Worker::builder(&self.calls).lane(LANE, target).grace(grace).spawn()
    }

    pub(crate) fn client(&self) -> TillClient<DurableChannel> {
        TillClient::new(self.calls.channel(LANE))
    }

    /// Where a call stands.
    pub(crate) async fn state(&self, id: CallId) -> Option<CallState> {
        self.calls.lookup(id).await.unwrap().map(|view| view.state)
    }

    /// Waits until the call has ended, and tells how.
    pub(crate) async fn ended(&self, id: CallId) -> EndKind {
        eventually("the call ends", async || match self.state(id).await {
            Some(CallState::Ended(ended)) => Some(ended.kind),
            _ => None,
        })
        .await
    }

    /// Waits until so many orders of this name have reached the till.
    pub(crate) async fn reached(&self, name: &str, count: usize) {
        let arrived = async || (self.callee.count(name) >= count).then_some(());
        eventually("orders reach the till", arrived).await;
    }
}

pub(crate) fn order(name: &str) -> Order {
    Order { name: name.to_owned(), note: bytes::Bytes::new() }
}

pub(crate) fn keyed(name: &str, key: &str) -> Request<Order> {
    let mut request = Request::new(order(name));
    request.durable().key(key);
    request
}

pub(crate) fn raw(method: &str, name: &str) -> RawCall {
    RawCall::new(LANE, method, order(name).encode_to_vec())
}

/// Asks until there is something, at most as long as a test may take.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let polling = async {
        let mut interval = tokio::time::interval(Duration::from_millis(5));
        loop {
            interval.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, polling).await.unwrap_or_else(|_| panic!("waited for: {what}"))
}
