//! The reply to a submission is lost, and before the submission is repeated the call has been
//! executed. A detached success leaves nothing behind by which the repetition could be recognised.

use std::sync::Arc;

use durable_grpc::{CallStore, RedisStore, Target, Worker};

use crate::{
    LANE,
    check::check,
    eventually::eventually,
    history::{CALLEE, CALLER, Executed, Histories, Journal, read},
    known_bad::build,
    plan::{Kind, Method, Plan},
    proxy::{Mode, Proxy},
    redis_server::{RedisServer, is_there},
    roles::{callee::Callee, caller::Caller, settle::settle_plans},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_that_is_repeated_does_not_charge_again() {
    if !is_there("lost reply") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = RedisServer::start(folder).await;
    let to_caller = Proxy::start(Mode::Pass(server.address)).await;
    let near = build(open(&format!("redis://{}", to_caller.address)).await);
    let far = build(open(&format!("redis://{}", server.address)).await);
    let target = Target::in_process(Callee::open(folder).routes());
    let worker = Worker::builder(&far).lane(LANE, target).spawn();
    let journal = Journal::append_to(&folder.join(CALLER));
    let caller = Arc::new(Caller { calls: near, store: far.clone(), journal });
    // The lane is known, and the caller's connection is there.
    let kind = Kind { method: Method::Charge, keyed: false, detached: true, later: false };
    let plan = move |label| Plan { kind, ..Plan::simple(label, Method::Charge) };
    caller.submit(&plan(0)).await;

    to_caller.set(Mode::Unheard);
    let charging = tokio::spawn({
        let caller = caller.clone();
        async move { caller.submit(&plan(1)).await }
    });
    eventually("the call is executed, and nothing is left of it", async || {
        let executed =
            read::<Executed>(&folder.join(CALLEE)).iter().any(|entry| entry.event.label == 1);
        let stats = far.stats().await.ok()?;
        (executed && stats.iter().all(|lane| lane.running == 0)).then_some(())
    })
    .await;
    to_caller.set(Mode::Pass(server.address));
    to_caller.cut().await;
    charging.await.unwrap();

    settle_plans(&caller, folder, plan).await;
    worker.shutdown().await;
    assert_eq!(check(&Histories::read(folder)), []);
}

async fn open(url: &str) -> Arc<dyn CallStore> {
    Arc::new(RedisStore::connect(url).await.unwrap())
}
