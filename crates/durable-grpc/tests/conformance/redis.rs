//! What is particular to the Redis store.

use std::{sync::Arc, time::Duration};

use durable_grpc::{
    CALL_ID, CallId, CallStore as _, ConnectError, Outcome, RedisOptions, RedisStore, outcome,
    store::{CallState, EndKind, Owner},
};
use futures::future::join_all;
use tonic::Code;

use crate::{
    callee::{Callee, Step},
    harness::{LANE, RESERVE, RedisStores, Rig, Stores as _, eventually, keyed, order, raw},
    redis_server::{RedisCluster, RedisServer},
};

/// As many as matter for a sum, few enough for a slow machine.
const BURST: usize = 100;

async fn store(server: &RedisServer) -> RedisStore {
    RedisStore::connect(&server.url()).await.unwrap()
}

async fn burst(rig: &Rig, keyed_by: Option<&str>) {
    let calls = (0..BURST).map(|number| {
        let mut client = rig.client();
        let request = match keyed_by {
            Some(prefix) => keyed("tea", &format!("{prefix}-{number}")),
            None => tonic::Request::new(order("tea")),
        };
        async move { client.reserve(request).await }
    });
    for answer in join_all(calls).await {
        answer.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_would_lose_calls_is_refused() {
    let server = RedisServer::start(&["--maxmemory-policy", "allkeys-lru"]);
    let refused = RedisStore::connect(&server.url()).await.unwrap_err();
    assert!(
        matches!(&refused, ConnectError::Evicts(policy) if policy == "allkeys-lru"),
        "{refused}"
    );

    let server = RedisServer::start(&["--appendonly", "no"]);
    RedisStore::connect(&server.url()).await.unwrap();
    let refused = RedisOptions::default().require_durable().connect(&server.url()).await;
    assert!(matches!(refused, Err(ConnectError::NotDurable)));

    let nowhere = server.url();
    drop(server);
    let refused = RedisStore::connect(&nowhere).await;
    assert!(matches!(refused, Err(ConnectError::Unreachable(_))));
    let refused = RedisStore::connect("http://no.redis").await;
    assert!(matches!(refused, Err(ConnectError::Url(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_survive_a_crash_of_the_server() {
    let mut server = RedisServer::start(&["--appendfsync", "always"]);
    let rig = Rig::over(Arc::new(store(&server).await), Callee::default());
    let worker = rig.worker();
    let held = rig.callee.hold("held");
    let waiting = {
        let mut client = rig.client();
        tokio::spawn(async move { client.reserve(keyed("held", "k")).await })
    };
    rig.reached("held", 1).await;
    let mut later = raw(RESERVE, "later");
    later.not_before = Some(std::time::SystemTime::now() + Duration::from_millis(100));
    let later = rig.calls.submit_raw(later).await.unwrap();

    server.kill();
    // While the server is away nothing is accepted, and callers learn it at once.
    let refused = rig.client().reserve(order("tea")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    held.notify_one();
    server.start_again();

    // The answer that could not be recorded is recorded now, and reaches the waiter.
    assert_eq!(waiting.await.unwrap().unwrap().get_ref().text, "held 1");
    eventually("the server is used again", async || rig.client().reserve(order("tea")).await.ok())
        .await;
    rig.reached("later", 1).await;
    eventually("it is over", async || rig.state(later).await.is_none().then_some(())).await;
    burst(&rig, None).await;
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lost_its_memory_is_used_again() {
    let server = RedisServer::start(&[]);
    let rig = Rig::over(Arc::new(store(&server).await), Callee::default());
    let worker = rig.worker();
    burst(&rig, Some("before")).await;
    redis::cmd("FLUSHALL").exec(&mut server.connection()).unwrap();
    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut server.connection()).unwrap();

    burst(&rig, Some("before")).await;

    assert_eq!(rig.callee.count("tea"), 2 * BURST, "what was forgotten is a new call");
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_whose_answer_was_lost_is_found_by_the_next() {
    let server = RedisServer::start(&[]);
    let rig = Rig::over(Arc::new(store(&server).await), Callee::default());
    let store = store(&server).await;
    let owner = Owner::generate();
    let unheard = store.claim(owner, LANE, 10, Duration::from_secs(5));
    assert!(tokio::time::timeout(Duration::from_millis(100), unheard).await.is_err());
    let id = rig.calls.submit_raw(raw(RESERVE, "tea")).await.unwrap();
    // The server hands the call out, and the answer goes nowhere.
    let mut take = redis::cmd("XREADGROUP");
    take.arg("GROUP").arg("workers").arg(owner.to_string()).arg("COUNT").arg(1);
    take.arg("STREAMS").arg(format!("durable:{{{LANE}}}:stream")).arg(">");
    take.exec(&mut server.connection()).unwrap();

    let claims = store.claim(owner, LANE, 10, Duration::ZERO).await.unwrap();

    assert_eq!(claims.iter().map(|claim| claim.receipt.id).collect::<Vec<_>>(), [id]);
    assert!(store.claim(owner, LANE, 10, Duration::ZERO).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_taken_over_who_could_not_speak() {
    let server = RedisServer::start(&[]);
    let lease = Duration::from_millis(600);
    let open = async || RedisOptions::default().lease(lease).connect(&server.url()).await.unwrap();
    let (working, watching) = (open().await, open().await);
    let rig = Rig::over(Arc::new(store(&server).await), Callee::default());
    rig.calls.submit_raw(raw(RESERVE, "tea")).await.unwrap();
    let claims = working.claim(Owner::generate(), LANE, 10, Duration::ZERO).await.unwrap();
    assert_eq!(claims.len(), 1);
    // Has a connection of its own only from now on, as after a restart of the server.
    assert_eq!(watching.takeover().await.unwrap(), 0);
    eventually("the lease lapses", async || {
        (watching.takeover().await.unwrap() == 1).then_some(())
    })
    .await;
    assert_eq!(working.stats().await.unwrap()[0].ready, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_refuses_calls_and_records_answers() {
    let server = RedisServer::start(&[]);
    let rig = Rig::over(Arc::new(store(&server).await), Callee::default());
    let held = rig.callee.hold("held");
    let worker = rig.worker();
    let waiting = {
        let mut client = rig.client();
        tokio::spawn(async move { client.reserve(keyed("held", "k")).await })
    };
    rig.reached("held", 1).await;
    let mut limit = redis::cmd("CONFIG");
    limit.arg("SET").arg("maxmemory").arg("1").exec(&mut server.connection()).unwrap();

    let refused = rig.client().reserve(order("tea")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(outcome(&refused), Some(Outcome::NotAccepted));
    held.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap().get_ref().text, "held 1");
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_lane_refuses_and_evicts_nothing() {
    let server = RedisServer::start(&[]);
    let store = RedisOptions::default().lane_bytes(100).connect(&server.url()).await.unwrap();
    let rig = Rig::over(Arc::new(store), Callee::default());
    let mut accepted = 0;
    let status = loop {
        match rig.calls.submit_raw(raw(RESERVE, "0123456789")).await {
            Ok(_) => accepted += 1,
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(outcome(&status), Some(Outcome::NotAccepted));
    assert_eq!(accepted, 8, "each message has twelve bytes");
    let worker = rig.worker();
    rig.reached("0123456789", accepted).await;
    eventually("the lane takes calls", async || {
        rig.calls.submit_raw(raw(RESERVE, "next")).await.ok()
    })
    .await;
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finished_call_keeps_no_payload_and_a_dead_one_does() {
    let stores = RedisStores::default();
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    rig.callee.plan("dead", [Step::Large(durable_grpc::MAX_MESSAGE_BYTES + 1)]);
    let reply = rig.client().reserve(keyed("done", "k")).await.unwrap();
    let done: CallId = reply.metadata().get(CALL_ID).unwrap().to_str().unwrap().parse().unwrap();
    let status = rig.client().reserve(order("dead")).await.unwrap_err();
    let dead = durable_grpc::call_id(&status).unwrap();
    let Some(CallState::Ended(ended)) = rig.state(dead).await else { panic!("it died") };
    assert_eq!(ended.kind, EndKind::Dead);
    let mut connection = stores.server().connection();
    let mut kept = |id: CallId| -> (i64, i64) {
        let key = format!("durable:{{{LANE}}}:call:{id}");
        let payload = redis::cmd("HSTRLEN").arg(&key).arg("d").query(&mut connection).unwrap();
        let hash = redis::cmd("HSTRLEN").arg(&key).arg("h").query(&mut connection).unwrap();
        (payload, hash)
    };
    assert_eq!(kept(done), (0, 32));
    assert!(kept(dead).0 > 0);
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sustained_load_leaves_nothing_behind() {
    let stores = RedisStores::default();
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    burst(&rig, Some("warm-up")).await;
    let keys = async || {
        let keys = stores.server().keys();
        keys.iter().filter(|key| key.contains(":call:") || key.contains(":key:")).count()
    };
    for round in 0..5 {
        burst(&rig, None).await;
        burst(&rig, Some(&format!("round-{round}"))).await;
    }
    assert!(keys().await >= 5 * BURST, "answers are kept for a while");
    stores.advance(Duration::from_hours(25));
    assert_eq!(keys().await, 0);
    let stats = rig.calls.stats().await.unwrap().remove(0);
    assert_eq!((stats.ready, stats.later, stats.running, stats.waiting_bytes), (0, 0, 0, 0));
    assert_eq!(stats.answered, 11 * BURST as u64);
    let length: i64 = redis::cmd("XLEN")
        .arg(format!("durable:{{{LANE}}}:stream"))
        .query(&mut stores.server().connection())
        .unwrap();
    assert_eq!(length, 0);
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn installations_share_a_server_by_their_prefixes() {
    let server = RedisServer::start(&[]);
    let open = async |prefix: &str| {
        let store = RedisOptions::default().prefix(prefix).connect(&server.url()).await.unwrap();
        Rig::over(Arc::new(store), Callee::default())
    };
    let (ours, theirs) = (open("ours").await, open("theirs").await);
    let (our_worker, their_worker) = (ours.worker(), theirs.worker());
    ours.client().reserve(keyed("tea", "k")).await.unwrap();
    theirs.client().reserve(keyed("coffee", "k")).await.unwrap();
    assert_eq!((ours.callee.count("tea"), ours.callee.count("coffee")), (1, 0));
    assert_eq!((theirs.callee.count("tea"), theirs.callee.count("coffee")), (0, 1));
    our_worker.shutdown().await;
    their_worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_three_keeps_calls() {
    let cluster = RedisCluster::start();
    let open = async || {
        let store = RedisOptions::default().connect_cluster(cluster.urls()).await.unwrap();
        Rig::over(Arc::new(store), Callee::default())
    };
    let (caller, working) = (open().await, open().await);
    let worker = working.worker();
    burst(&caller, Some("k")).await;
    burst(&caller, None).await;
    assert_eq!(working.callee.count("tea"), 2 * BURST);
    burst(&caller, Some("k")).await;
    assert_eq!(working.callee.count("tea"), 2 * BURST, "keys replay");
    // Lanes are on different nodes; an id does not tell its lane.
    for lane in ["bread", "cheese", "olives", "wine"] {
        let mut call = raw(RESERVE, "tea");
        call.lane = lane.to_owned();
        let id = caller.calls.submit_raw(call).await.unwrap();
        assert_eq!(caller.state(id).await, Some(CallState::Waiting));
    }
    assert_eq!(caller.calls.stats().await.unwrap().len(), 5);
    working.callee.plan("busy", [Step::Refuse(tonic::Status::unavailable("busy"))]);
    caller.client().reserve(order("busy")).await.unwrap();
    worker.shutdown().await;
}
