//! What is particular to the Redis store.

use std::{
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use durable_grpc::{
    CALL_ID, CallId, CallStore as _, ConnectError, Outcome, RedisOptions, RedisStore, Relay,
    RequestExt as _, outcome,
    store::{
        CallState, Claim, Disposition, EndKind, Ended, Finish, Hints, NewCall, Owner, Policy,
        Recorded, StoredAnswer,
    },
};
use futures::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::Code;

use crate::{
    callee::{Callee, Step},
    harness::{LANE, RESERVE, RedisStores, Rig, Stores as _, eventually, keyed, order, raw},
    outbox::Outbox,
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
async fn an_outbox_tells_a_server_again_that_lost_its_memory() {
    let server = RedisServer::start(&[]);
    let rig = Rig::over(Arc::new(store(&server).await), Callee::default());
    let outbox = Arc::new(Outbox::default());
    outbox.add("tea", RESERVE, "tea");
    let wait = Duration::from_millis(200);
    let relay = Relay::builder(&rig.calls, outbox.clone()).wait(wait).spawn();
    eventually("the row is a call", async || {
        rig.calls.lookup_key(LANE, RESERVE, "row:tea").await.unwrap()
    })
    .await;
    redis::cmd("FLUSHALL").exec(&mut server.connection()).unwrap();

    let worker = rig.worker();

    outbox.answered("tea").await;
    assert_eq!(rig.callee.count("tea"), 1);
    relay.shutdown().await;
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
    let mut kept = |id: CallId| -> i64 {
        let key = format!("durable:{{{LANE}}}:call:{id}");
        redis::cmd("HSTRLEN").arg(&key).arg("d").query(&mut connection).unwrap()
    };
    assert_eq!(kept(done), 0);
    assert!(kept(dead) > 0);
    // The hash stays, by which other bytes under the key are told.
    let mismatch = rig.client().reserve(keyed("other", "k")).await.unwrap_err();
    assert_eq!(outcome(&mismatch), Some(Outcome::Mismatch));
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

/// Hears what a store tells its process.
#[derive(Default)]
struct Ears {
    ended: Mutex<Vec<(CallId, bool)>>,
    resyncs: AtomicUsize,
}

impl Hints for Ears {
    fn ended(&self, calls: Vec<(CallId, Option<Arc<Ended>>)>) {
        let told = calls.into_iter().map(|(id, ended)| (id, ended.is_some()));
        self.ended.lock().unwrap().extend(told);
    }

    fn cancelled(&self, _: Vec<CallId>) {}

    fn resync(&self) {
        self.resyncs.fetch_add(1, Ordering::SeqCst);
    }
}

impl Ears {
    fn at(store: &RedisStore) -> Arc<Self> {
        let ears = Arc::new(Self::default());
        let weak: Weak<Self> = Arc::downgrade(&ears);
        store.watch(weak);
        ears
    }
}

fn answered(claim: &Claim, message: Vec<u8>) -> Finish {
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    let answer =
        StoredAnswer { headers: http::HeaderMap::new(), message: Some(message.into()), trailers };
    let ended = Ended {
        kind: EndKind::Answered,
        answer: Some(answer),
        reason: String::new(),
        may_have_executed: true,
    };
    let disposition = Disposition::End { ended: Arc::new(ended), sent: true };
    Finish { receipt: claim.receipt.clone(), disposition }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_process_that_waits_is_told_in_one_message() {
    let server = RedisServer::start(&[]);
    let (caller, working, attached) =
        (store(&server).await, store(&server).await, store(&server).await);
    let (first, second) = (Ears::at(&caller), Ears::at(&attached));
    subscribed(&server, 3).await;
    let calls: Vec<_> = ["short", "long"].map(|key| new_call(Some(key))).into();
    let ids: Vec<_> = calls.iter().map(|call| call.id).collect();
    for store in [&caller, &attached] {
        assert!(store.submit(calls.clone()).await.iter().all(Result::is_ok));
    }
    let claims = working.claim(Owner::generate(), LANE, 10, Duration::ZERO).await.unwrap();
    let published = published(&server);
    let finishes = vec![answered(&claims[0], vec![1; 100]), answered(&claims[1], vec![1; 10_000])];
    assert!(working.finish(finishes).await.iter().all(Result::is_ok));

    for ears in [&first, &second] {
        let expected = [(ids[0], true), (ids[1], false)];
        eventually("the ends are told", async || {
            (*ears.ended.lock().unwrap() == expected).then_some(())
        })
        .await;
    }
    assert_eq!(self::published(&server) - published, 2, "one message for each process");
}

/// How many messages scripts have published.
fn published(server: &RedisServer) -> u64 {
    let info: String =
        redis::cmd("INFO").arg("commandstats").query(&mut server.connection()).unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("cmdstat_publish:calls="));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_every_subscription_all_is_looked_up() {
    let server = RedisServer::start(&[]);
    let store = store(&server).await;
    subscribed(&server, 1).await;
    let ears = Ears::at(&store);
    let mut kill = redis::cmd("CLIENT");
    kill.arg("KILL").arg("TYPE").arg("pubsub").exec(&mut server.connection()).unwrap();
    let heard = async || (ears.resyncs.load(Ordering::SeqCst) > 0).then_some(());
    eventually("everyone is looked up", heard).await;
}

/// Waits until so many processes hear of ends.
async fn subscribed(server: &RedisServer, processes: usize) {
    let mut channels = redis::cmd("PUBSUB");
    channels.arg("CHANNELS").arg("durable:ended:*");
    eventually("all are subscribed", async || {
        let open: Vec<String> = channels.query(&mut server.connection()).unwrap();
        (open.len() == processes).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_looks_silent_after_a_reconnect_gets_a_lease() {
    let server = RedisServer::start(&[]);
    let lease = Duration::from_secs(2);
    let open = async || RedisOptions::default().lease(lease).connect(&server.url()).await.unwrap();
    let (working, watching) = (open().await, open().await);
    assert!(working.submit(vec![new_call(None)]).await[0].is_ok());
    let owner = Owner::generate();
    assert_eq!(working.claim(owner, LANE, 10, Duration::ZERO).await.unwrap().len(), 1);
    // As after a time in which the server was away and nobody could beat.
    let mut silence = redis::cmd("ZADD");
    silence.arg(format!("durable:{{{LANE}}}:owners")).arg(1).arg(owner.to_string());
    silence.exec(&mut server.connection()).unwrap();

    assert_eq!(watching.takeover().await.unwrap(), 0, "the connection is young");
    eventually("the lease lapses", async || {
        (watching.takeover().await.unwrap() == 1).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_knows_who_holds_a_claim() {
    let server = RedisServer::start(&[]);
    let store = store(&server).await;
    assert!(store.submit(vec![new_call(None)]).await[0].is_ok());
    let claims = store.claim(Owner::generate(), LANE, 10, Duration::ZERO).await.unwrap();
    let stream = format!("durable:{{{LANE}}}:stream");
    let mut connection = server.connection();
    let entries: Vec<(String, Vec<Vec<u8>>)> =
        redis::cmd("XRANGE").arg(&stream).arg("-").arg("+").query(&mut connection).unwrap();
    let mut steal = redis::cmd("XCLAIM");
    steal.arg(&stream).arg("workers").arg("another").arg(0).arg(&entries[0].0);
    steal.exec(&mut connection).unwrap();

    let receipt = claims[0].receipt.clone();
    assert_eq!(store.started(vec![receipt]).await, [Ok(Recorded::Fenced)]);
    assert_eq!(store.finish(vec![answered(&claims[0], vec![])]).await, [Ok(Recorded::Fenced)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_is_a_long_time() {
    let server = RedisServer::start(&[]);
    let rig = Rig::over(Arc::new(store(&server).await), Callee::default());
    let worker = rig.worker();
    let mut request = keyed("tea", "k");
    request.durable().expires_in(Duration::MAX);
    assert_eq!(rig.client().reserve(request).await.unwrap().get_ref().text, "tea 1");
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_not_publish_gets_answers_all_the_same() {
    let server = RedisServer::start(&[]);
    let mut rights = redis::cmd("ACL");
    rights.arg("SETUSER").arg("mute").arg("on").arg("nopass").arg("~*").arg("+@all");
    rights.arg("resetchannels").exec(&mut server.connection()).unwrap();
    let url = format!("{}?user=mute&pass=any", server.url());
    let rig = Rig::over(Arc::new(RedisStore::connect(&url).await.unwrap()), Callee::default());
    let worker = rig.worker();
    burst(&rig, Some("k")).await;
    assert_eq!(rig.callee.count("tea"), BURST);
    worker.shutdown().await;
}

#[tokio::test]
async fn an_old_server_is_refused() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let _old = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 1024];
        loop {
            let read = socket.read(&mut buffer).await.unwrap();
            if read == 0 {
                return;
            }
            let info = "redis_version:6.2.0\r\n";
            let asked = String::from_utf8_lossy(&buffer[..read]);
            // Greetings of the client are acknowledged, however many come at once.
            let greetings = asked.matches("CLIENT").count();
            let mut reply = "+OK\r\n".repeat(greetings);
            if asked.contains("INFO") && !asked.contains("SETINFO")
                || asked.contains("\r\nINFO\r\n")
            {
                reply.push_str(&format!("${}\r\n{info}\r\n", info.len()));
            }
            socket.write_all(reply.as_bytes()).await.unwrap();
        }
    }));
    let refused = RedisStore::connect(&url).await;
    assert!(matches!(refused, Err(ConnectError::TooOld { found }) if found == "6.2.0"));
}

fn new_call(key: Option<&str>) -> NewCall {
    NewCall {
        id: CallId::generate(),
        lane: LANE.into(),
        method: RESERVE.into(),
        key: key.map(Into::into),
        hash: [0; 32],
        metadata: http::HeaderMap::new(),
        payload: vec![1].into(),
        policy: Policy {
            idempotent: true,
            detached: false,
            attempt_timeout: Duration::from_secs(1),
            expires_in: Duration::from_secs(60),
            max_attempts: None,
        },
        not_before: None,
    }
}
