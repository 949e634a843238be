//! What is measured: clients, and everything behind them that has to live as long.

use std::{
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use durable_grpc::{Calls, Target, Worker, WorkerHandle};
use tempfile::TempDir;
use tonic::transport::Endpoint;

use super::{
    args::{CalleeKind, CallsArgs, StoreKind},
    echo::{self, Client},
    part::{Part, REDIS_URL_ENV},
};
use crate::stores::{Place, open_store};

/// Enough to see past a slow one, and done before anybody notices on a slow disk.
const FSYNCS: usize = 32;

/// The clients of a run. The fields are dropped in their order: whoever needs another goes first.
pub(super) struct Setup {
    /// Through the queue, when that is measured.
    pub(super) durable: Option<Client>,
    /// Straight to the callee, when that is measured.
    pub(super) direct: Option<Client>,
    /// What the store does before it says that a call is kept, as far as it is known.
    pub(super) durability: Option<&'static str>,
    /// What one fsync costs where the files are.
    pub(super) fsync: Duration,
    worker: Option<WorkerHandle>,
    parts: Vec<Part>,
    folder: TempDir,
}

impl Setup {
    /// Starts what the arguments ask for.
    ///
    /// # Errors
    /// Says which part cannot be had.
    pub(super) async fn start(args: &CallsArgs) -> anyhow::Result<Self> {
        let folder = match &args.dir {
            Some(dir) => TempDir::with_prefix_in("handsel-bench-", dir),
            None => TempDir::with_prefix("handsel-bench-"),
        }
        .context("--dir: no folder can be made there")?;
        let fsync = fsync(folder.path()).context("--dir: a file cannot be synced there")?;
        let mut setup = Self {
            durable: None,
            direct: None,
            durability: None,
            fsync,
            worker: None,
            parts: Vec::new(),
            folder,
        };
        let is_direct = args.direct || args.compare;
        if is_direct || args.callee == CalleeKind::Process {
            setup.parts.push(Part::start("callee", &[], &[]).await?);
        }
        let callee = setup.parts.first().map(|part| part.said.clone());
        if let Some(callee) = callee.as_ref().filter(|_| is_direct) {
            let channel = Endpoint::from_shared(callee.clone())?.tcp_nodelay(true).connect().await;
            setup.direct = Some(Client::direct(channel.context("the callee")?));
        }
        if !args.direct {
            let remote = callee.filter(|_| args.callee == CalleeKind::Process);
            setup.start_durable(args, remote).await?;
        }
        Ok(setup)
    }

    async fn start_durable(
        &mut self,
        args: &CallsArgs,
        callee: Option<String>,
    ) -> anyhow::Result<()> {
        let place = match args.store {
            StoreKind::Sqlite => {
                self.durability = Some("WAL, synchronous FULL");
                Place::Sqlite(self.folder.path().join("calls.db"))
            }
            StoreKind::Redis => Place::Redis(self.redis_url(args).await?),
        };
        let store = open_store(&place).await?;
        let calls = Calls::builder_shared(store).descriptors(echo::DESCRIPTORS).build()?;
        match (place, callee) {
            // Several processes share a Redis server, so the worker is one of them.
            (Place::Redis(url), Some(callee)) => {
                let settings = [(REDIS_URL_ENV, url.as_str())];
                let worker = Part::start("worker", &["--callee", &callee], &settings).await?;
                // Ended first: it needs the other parts.
                self.parts.insert(0, worker);
            }
            (_, callee) => {
                let target = match callee {
                    Some(callee) => Target::remote([Endpoint::from_shared(callee)?]),
                    None => Target::in_process(echo::routes()),
                };
                self.worker = Some(Worker::builder(&calls).lane(echo::LANE, target).spawn());
            }
        }
        self.durable = Some(Client::durable(calls.channel(echo::LANE)));
        Ok(())
    }

    async fn redis_url(&mut self, args: &CallsArgs) -> anyhow::Result<String> {
        if let Some(url) = &args.redis_url {
            return Ok(url.clone());
        }
        let dir = self.folder.path().to_string_lossy().into_owned();
        let redis = Part::start("redis", &["--dir", &dir], &[]).await?;
        self.durability = Some("appendonly yes, appendfsync everysec");
        let url = redis.said.clone();
        self.parts.push(redis);
        Ok(url)
    }

    /// Ends everything in its order.
    pub(super) async fn stop(mut self) {
        if let Some(worker) = self.worker.take() {
            worker.shutdown().await;
        }
    }
}

/// The usual time of one fsync after a small write: the median.
fn fsync(folder: &Path) -> std::io::Result<Duration> {
    let mut file = tempfile::tempfile_in(folder)?;
    let mut times = Vec::with_capacity(FSYNCS);
    for _ in 0..FSYNCS {
        file.write_all(&[7; 4096])?;
        let began = Instant::now();
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times[FSYNCS / 2])
}
