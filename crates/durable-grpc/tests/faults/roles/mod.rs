//! What each process of a story does.

pub(crate) mod callee;
pub(crate) mod caller;
pub(crate) mod settle;

use std::{path::Path, sync::Arc, time::Duration};

use durable_grpc::{BreakerOptions, CallStore, Calls, SqliteStore, Target, Worker, WorkerHandle};
use tokio::runtime::Builder;
use tonic::transport::Endpoint;

use crate::{
    DESCRIPTORS, LANE,
    history::{CALLER, Journal, WORKER, now_us},
    layer::Recorder,
    layered::Layered,
    process::{self, Callee, Role, Store},
};

/// How long an attempt may take: long for a callee that answers at once, short for a story.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a callee in trouble is left alone: as in earnest, in a tenth of the time, so that a story
/// sees breakers open and close.
const OPEN: Duration = Duration::from_millis(500);
const OPEN_CAP: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(100);

/// Plays a role until its end, or until the process is killed.
pub(crate) fn play(role: Role) {
    process::end_with_the_test();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        match role {
            Role::Callee { folder } => callee::serve(&folder).await,
            Role::Caller { folder, store, callee, seed } => {
                let calls = calls(open(&folder, &store).await);
                let _worker = callee.map(|callee| worker(&calls, &callee));
                caller::load(caller(&folder, calls), &folder, seed).await;
            }
            Role::Worker { folder, store, callee } => {
                let _worker = worker(&calls(open(&folder, &store).await), &callee);
                std::future::pending::<()>().await;
            }
            Role::Settle { folder, store, callee, seed } => {
                let calls = calls(open(&folder, &store).await);
                let _worker = callee.map(|callee| worker(&calls, &callee));
                settle::settle(&caller(&folder, calls), &folder, seed).await;
            }
        }
    });
}

fn caller(folder: &Path, calls: Calls) -> caller::Caller {
    let journal = Journal::append_to(&folder.join(CALLER));
    caller::Caller { store: calls.clone(), calls, journal }
}

/// The store of the story, with a recorder for what it tells this process.
async fn open(folder: &Path, store: &Store) -> Arc<dyn CallStore> {
    let store: Arc<dyn CallStore> = match store {
        Store::Sqlite(path) => Arc::new(SqliteStore::open(path).unwrap()),
        #[cfg(feature = "redis")]
        Store::Redis(url) => {
            // A process may start while the server is away.
            let connect = async || durable_grpc::RedisStore::connect(url).await.ok();
            Arc::new(crate::eventually::eventually("the server is there", connect).await)
        }
    };
    let journal = format!("{WORKER}{}-{}.jsonl", now_us(), std::process::id());
    let layer = Recorder(Journal::append_to(&folder.join(journal)));
    Arc::new(Layered { store, layer })
}

fn calls(store: Arc<dyn CallStore>) -> Calls {
    let breaker = BreakerOptions::default().open(OPEN, OPEN_CAP).probe(LOOK).refresh(LOOK);
    let calls = Calls::builder_shared(store).descriptors(DESCRIPTORS).breaker(breaker);
    calls.attempt_timeout(ATTEMPT_TIMEOUT).build().unwrap()
}

fn worker(calls: &Calls, Callee(address): &Callee) -> WorkerHandle {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    Worker::builder(calls).lane(LANE, Target::remote([endpoint])).spawn()
}
