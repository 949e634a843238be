//! Stories over SQLite: one process owns the file, so caller and worker die together.

use std::time::Duration;

use durable_grpc::store::LEASE;
use rand::seq::SliceRandom as _;

use crate::{
    history::Histories,
    process::{Process, Role, Store, finish},
    story::{STILL, Story, rounds, seed, stand_still},
};

/// What can happen.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// SIGKILL for caller and worker.
    KillOwner,
    /// SIGKILL for caller and worker, and again while they recover.
    KillOwnerTwice,
    /// Caller and worker stand still for a while.
    StopOwner,
    KillCallee,
    /// Connections to the callee are lost.
    CutCallee,
    /// Connections to the callee take bytes and give none.
    MuteCallee,
}

/// Each at least once, the kills twice: enough for every fault to meet the traces of another.
const FAULTS: [Fault; 8] = [
    Fault::KillOwner,
    Fault::StopOwner,
    Fault::KillCallee,
    Fault::CutCallee,
    Fault::MuteCallee,
    Fault::KillOwnerTwice,
    Fault::KillCallee,
    Fault::CutCallee,
];

/// Longer than a lease, by as much as a slow machine needs to notice.
const STOPPED: Duration = LEASE.saturating_add(Duration::from_secs(2));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies_over_sqlite_every_promise_is_kept() {
    let first = seed();
    for seed in first..first + rounds() {
        told("sqlite", seed).await;
    }
}

async fn told(name: &str, seed: u64) -> Histories {
    let mut story = Story::begin(name, seed).await;
    let mut owner = start(&story);
    let mut faults = FAULTS;
    faults.shuffle(&mut story.rng);
    for fault in faults {
        story.go_on().await;
        println!("{name}: {fault:?}");
        match fault {
            Fault::KillOwner => {
                owner.kill();
                owner = start(&story);
            }
            Fault::KillOwnerTwice => {
                owner.kill();
                let again = start(&story);
                // The recovery resubmits what had no answer: the first lines are the middle of it.
                story.written(1).await;
                again.kill();
                owner = start(&story);
            }
            Fault::StopOwner => stand_still(&owner, STILL).await,
            Fault::KillCallee => story.kill_callee().await,
            Fault::CutCallee => story.to_callee.cut().await,
            Fault::MuteCallee => story.mute_callee().await,
        }
    }
    story.go_on().await;
    finish(&story.path());
    owner.end().await;
    settle(&story).await;
    story.check(name)
}

/// A process that is stopped for longer than a lease. Nobody else may open the file, so its claims
/// are its own again unless it takes them over itself; both are right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_stands_still_for_longer_than_a_lease_over_sqlite() {
    let mut story = Story::begin("sqlite, stopped", seed()).await;
    let owner = start(&story);
    story.go_on().await;
    stand_still(&owner, STOPPED).await;
    story.go_on().await;
    finish(&story.path());
    owner.end().await;
    settle(&story).await;
    story.check("sqlite, stopped");
}

/// A connection to the callee that nobody closes and that never answers again. It is found out, and
/// calls go on over a new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_open_connection_to_the_callee_is_noticed_over_sqlite() {
    let name = "sqlite, half-open";
    let mut story = Story::begin(name, seed()).await;
    let owner = start(&story);
    story.go_on().await;
    story.to_callee.half_open().await;
    story.executed().await;
    finish(&story.path());
    owner.end().await;
    settle(&story).await;
    story.check(name);
}

fn start(story: &Story) -> Process {
    let callee = Some(story.callee());
    let role = Role::Caller { folder: story.path(), store: store(story), callee, seed: story.seed };
    Process::start("owner", &story.path(), &role)
}

async fn settle(story: &Story) {
    let callee = Some(story.callee());
    let role = Role::Settle { folder: story.path(), store: store(story), callee, seed: story.seed };
    Process::start("settle", &story.path(), &role).end().await;
}

fn store(story: &Story) -> Store {
    Store::Sqlite(story.path().join("calls.db"))
}
