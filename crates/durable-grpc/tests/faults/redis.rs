//! Stories over Redis: caller, two workers, callee and server are processes of their own, and all
//! that is between them can fail.

mod lost_reply;
mod unconfirmed_subscription;

use std::{net::SocketAddr, time::Duration};

use durable_grpc::store::LEASE;
use rand::{RngExt as _, seq::SliceRandom as _};

use crate::{
    history::{Handled, Histories},
    process::{Process, Role, Store, finish},
    proxy::{Mode, Proxy},
    redis_server::{RedisServer, is_there},
    story::{STILL, Story, hush, pass, rounds, seed, stand_still},
};

/// What can happen.
#[derive(Debug, Clone, Copy)]
enum Fault {
    KillCaller,
    KillWorker,
    /// A worker stands still for a while.
    StopWorker,
    KillCallee,
    KillServer,
    RestartServer,
    CutCallee,
    MuteCallee,
    CutCaller,
    CutWorkers,
    MuteCaller,
    MuteWorkers,
    /// Connections to the server that exist stay mute for ever; whoever makes a new one is served.
    HalfOpen,
}

/// Each once: a worker that is killed has a lease, and the story lasts until it is over.
const FAULTS: [Fault; 13] = [
    Fault::KillCaller,
    Fault::KillWorker,
    Fault::StopWorker,
    Fault::KillCallee,
    Fault::KillServer,
    Fault::RestartServer,
    Fault::CutCallee,
    Fault::MuteCallee,
    Fault::CutCaller,
    Fault::CutWorkers,
    Fault::MuteCaller,
    Fault::MuteWorkers,
    Fault::HalfOpen,
];

/// How long the server is away at most when it is killed.
const AWAY: std::ops::Range<u64> = 0..500;
/// How long a connection may stay half-open until whoever uses it makes a new one: a response
/// timeout, a ping and a blocking read fit.
const NOTICED: Duration = Duration::from_secs(8);
/// Longer than a lease and the rounds in which others look for silent workers.
const STOPPED: Duration = LEASE.saturating_add(Duration::from_secs(7));

/// A story with a server, and with a network to it for the caller and one for the workers.
struct Stage {
    story: Story,
    server: Option<RedisServer>,
    to_caller: Proxy,
    to_workers: Proxy,
    workers: Vec<Process>,
    caller: Option<Process>,
}

impl Stage {
    async fn begin(name: &str, seed: u64) -> Self {
        let story = Story::begin(name, seed).await;
        let server = RedisServer::start(story.folder.path()).await;
        let to_caller = Proxy::start(Mode::Pass(server.address)).await;
        let to_workers = Proxy::start(Mode::Pass(server.address)).await;
        let server = Some(server);
        let (workers, caller) = (Vec::new(), None);
        let mut stage = Self { story, server, to_caller, to_workers, workers, caller };
        stage.workers = vec![stage.start_worker(0), stage.start_worker(1)];
        stage.caller = Some(stage.start_caller());
        stage
    }

    fn start_worker(&self, number: usize) -> Process {
        let (folder, callee) = (self.story.path(), self.story.callee());
        let role = Role::Worker { folder, store: store(self.to_workers.address), callee };
        Process::start(&format!("worker{number}"), &self.story.path(), &role)
    }

    fn start_caller(&self) -> Process {
        let (folder, seed) = (self.story.path(), self.story.seed);
        let store = store(self.to_caller.address);
        let role = Role::Caller { folder, store, callee: None, seed };
        Process::start("caller", &self.story.path(), &role)
    }

    async fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::KillCaller => {
                self.caller.take().unwrap().kill();
                self.caller = Some(self.start_caller());
            }
            Fault::KillWorker => {
                let number = self.story.rng.random_range(0..self.workers.len());
                self.workers.remove(number).kill();
                self.workers.insert(number, self.start_worker(number));
            }
            Fault::StopWorker => stand_still(&self.workers[0], STILL).await,
            Fault::KillCallee => self.story.kill_callee().await,
            Fault::KillServer => {
                self.refuse();
                self.server.take().unwrap().kill();
                let away = self.story.rng.random_range(AWAY);
                pass(Duration::from_millis(away)).await;
                self.serve().await;
            }
            Fault::RestartServer => {
                self.server.take().unwrap().stop().await;
                self.refuse();
                self.serve().await;
            }
            Fault::CutCallee => self.story.to_callee.cut().await,
            Fault::MuteCallee => self.story.mute_callee().await,
            Fault::CutCaller => self.to_caller.cut().await,
            Fault::CutWorkers => self.to_workers.cut().await,
            Fault::MuteCaller => hush(&self.to_caller).await,
            Fault::MuteWorkers => hush(&self.to_workers).await,
            Fault::HalfOpen => {
                for proxy in [&self.to_caller, &self.to_workers] {
                    proxy.half_open().await;
                }
                pass(NOTICED).await;
            }
        }
    }

    fn refuse(&self) {
        self.to_caller.set(Mode::Refuse);
        self.to_workers.set(Mode::Refuse);
    }

    async fn serve(&mut self) {
        let server = RedisServer::start(self.story.folder.path()).await;
        self.to_caller.set(Mode::Pass(server.address));
        self.to_workers.set(Mode::Pass(server.address));
        self.server = Some(server);
    }

    async fn end(mut self, name: &str) -> Histories {
        self.story.go_on().await;
        finish(&self.story.path());
        self.caller.take().unwrap().end().await;
        for worker in &mut self.workers {
            worker.assert_runs();
        }
        let (folder, seed) = (self.story.path(), self.story.seed);
        let store = store(self.to_caller.address);
        let role = Role::Settle { folder, store, callee: None, seed };
        Process::start("settle", &self.story.path(), &role).end().await;
        self.workers.clear();
        self.story.check(name)
    }
}

fn store(address: SocketAddr) -> Store {
    Store::Redis(format!("redis://{address}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies_over_redis_every_promise_is_kept() {
    if !is_there("redis") {
        return;
    }
    let first = seed();
    for seed in first..first + rounds() {
        let mut stage = Stage::begin("redis", seed).await;
        let mut faults = FAULTS;
        faults.shuffle(&mut stage.story.rng);
        for fault in faults {
            stage.story.go_on().await;
            println!("redis: {fault:?}");
            stage.suffer(fault).await;
        }
        stage.end("redis").await;
    }
}

/// A worker that stands still for longer than its lease, and then goes on as if nothing had
/// happened: what it had claimed is executed by the other one, and nobody hears it any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_outlive_their_lease_over_redis() {
    if !is_there("redis, stopped") {
        return;
    }
    let mut stage = Stage::begin("redis, stopped", seed()).await;
    stage.story.go_on().await;
    stand_still(&stage.workers[0], STOPPED).await;
    let histories = stage.end("redis, stopped").await;
    let fenced = |handled: &Handled| matches!(handled, Handled::Finished { heard: false, .. });
    let fenced = histories.workers.iter().filter(|entry| fenced(&entry.event)).count();
    println!("redis, stopped: {fenced} ends were fenced");
    assert!(fenced > 0, "the worker held nothing when it was stopped");
}
