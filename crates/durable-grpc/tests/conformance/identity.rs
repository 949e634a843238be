//! Ids, keys, attaching, replay and mismatch.

use std::time::Duration;

use durable_grpc::{BuildError, CALL_ID, Calls, Target, store::EndKind};
use durable_grpc::{Outcome, RequestExt as _, Worker, call_id, outcome};
use futures::future::join_all;
use tonic::{Code, Request, Status, codec::CompressionEncoding};

use crate::{
    callee::Step,
    harness::{LANE, RESERVE, Rig, Stores, keyed, order, raw},
};

pub(crate) async fn an_unkeyed_call_is_executed_and_answered(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();

    let reply = rig.client().reserve(order("tea")).await.unwrap();

    assert_eq!(reply.get_ref().text, "tea 1");
    let id = reply.metadata().get(CALL_ID).unwrap().to_str().unwrap();
    let seen = rig.callee.seen("tea");
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].metadata.get(CALL_ID).unwrap(), id);
    assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 7);
    // Without a key there is nothing to attach to: another call is another execution.
    let again = rig.client().reserve(order("tea")).await.unwrap();
    assert_eq!(again.get_ref().text, "tea 2");
    worker.shutdown().await;
}

pub(crate) async fn the_callee_learns_what_it_needs_and_nothing_secret(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = Worker::builder(&rig.calls)
        .lane(LANE, Target::in_process(rig.callee.routes()))
        .credential("Bearer of-the-worker".parse().unwrap())
        .spawn();
    let mut request = Request::new(order("tea"));
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (name, value) in [
        ("traceparent", trace),
        ("tracestate", "vendor=1"),
        ("x-tenant", "blue"),
        ("x-unlisted", "dropped"),
        ("authorization", "Bearer of-the-caller"),
        ("durable-attempt", "99"),
        ("durable-key", "not-mine"),
        ("durable-mac", "made-up"),
    ] {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    request.durable().deadline(Duration::from_secs(20)).attempt_timeout(Duration::from_secs(3));

    rig.client().reserve(request).await.unwrap();

    let metadata = rig.callee.seen("tea").remove(0).metadata;
    // The trace goes on, with a span of the worker's own.
    let sent = metadata.get("traceparent").unwrap().to_str().unwrap();
    assert_eq!((&sent[..35], &sent[52..]), (&trace[..35], "-01"));
    assert_ne!(sent[36..52], trace[36..52]);
    assert_eq!(metadata.get("tracestate").unwrap(), "vendor=1");
    assert_eq!(metadata.get("durable-lane").unwrap(), LANE);
    assert_eq!(metadata.get("durable-key"), None);
    assert_eq!(metadata.get("durable-mac"), None, "this caller has no key to seal with");
    assert_eq!(metadata.get("x-tenant").unwrap(), "blue");
    assert_eq!(metadata.get("x-unlisted"), None);
    assert_eq!(metadata.get("authorization").unwrap(), "Bearer of-the-worker");
    assert_eq!(metadata.get("durable-attempt").unwrap(), "1");
    assert_eq!(metadata.get("grpc-timeout").unwrap(), "4000m");
    let left: u64 =
        metadata.get("durable-time-left-ms").unwrap().to_str().unwrap().parse().unwrap();
    assert!((10_000..=20_000).contains(&left), "{left}");
    worker.shutdown().await;
}

pub(crate) async fn the_same_key_attaches_to_the_running_call(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let release = rig.callee.hold("tea");
    let mut client = rig.client();
    let first = tokio::spawn(async move { client.reserve(keyed("tea", "k")).await });
    rig.reached("tea", 1).await;
    let mut client = rig.client();
    let second = tokio::spawn(async move { client.reserve(keyed("tea", "k")).await });
    // Both wait; the second has made no call of its own.
    let view = rig.calls.lookup_key(LANE, RESERVE, "k").await.unwrap().unwrap();
    release.notify_one();

    let (first, second) = (first.await.unwrap().unwrap(), second.await.unwrap().unwrap());

    assert_eq!(first.get_ref(), second.get_ref());
    for reply in [first, second] {
        assert_eq!(*reply.metadata().get(CALL_ID).unwrap(), *view.id.to_string());
    }
    assert_eq!(rig.callee.count("tea"), 1);
    worker.shutdown().await;
}

pub(crate) async fn many_callers_of_one_key_make_one_call(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    for round in 0..20 {
        let name = format!("tea-{round}");
        let callers = (0..32).map(|_| {
            let (mut client, name) = (rig.client(), name.clone());
            tokio::spawn(async move { client.reserve(keyed(&name, &name)).await.unwrap() })
        });
        for reply in join_all(callers).await {
            assert_eq!(reply.unwrap().get_ref().text, format!("{name} 1"));
        }
        assert_eq!(rig.callee.count(&name), 1);
    }
    worker.shutdown().await;
}

pub(crate) async fn the_same_key_replays_the_answer(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let refusal = Status::with_details(Code::NotFound, "no such tea", vec![1, 2, 3].into());
    rig.callee.plan("cha", [Step::Refuse(refusal)]);

    for _ in 0..3 {
        let reply = rig.client().reserve(keyed("tea", "good")).await.unwrap();
        assert_eq!(reply.get_ref().text, "tea 1");
        let status = rig.client().reserve(keyed("cha", "bad")).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::NotFound, "no such tea"));
        assert_eq!(status.details(), [1, 2, 3]);
        assert_eq!(outcome(&status), None, "it is the callee's own answer");
    }
    assert_eq!((rig.callee.count("tea"), rig.callee.count("cha")), (1, 1));
    worker.shutdown().await;
}

pub(crate) async fn a_key_is_scoped_to_lane_and_method(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let target = Target::in_process(rig.callee.routes());
    let worker = Worker::builder(&rig.calls).lane(LANE, target.clone()).lane("other", target);
    let worker = worker.spawn();
    let mut other = crate::shop::till_client::TillClient::new(rig.calls.channel("other"));

    assert_eq!(rig.client().reserve(keyed("tea", "k")).await.unwrap().get_ref().text, "tea 1");
    assert_eq!(rig.client().charge(keyed("tea", "k")).await.unwrap().get_ref().text, "tea 2");
    assert_eq!(other.reserve(keyed("tea", "k")).await.unwrap().get_ref().text, "tea 3");
    worker.shutdown().await;
}

pub(crate) async fn other_bytes_under_a_key_are_a_mismatch(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let reply = rig.client().reserve(keyed("tea", "k")).await.unwrap();

    let status = rig.client().reserve(keyed("coffee", "k")).await.unwrap_err();

    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(outcome(&status), Some(Outcome::Mismatch));
    let id = call_id(&status).unwrap();
    assert_eq!(*reply.metadata().get(CALL_ID).unwrap(), *id.to_string());
    assert_eq!(rig.callee.count("coffee"), 0);
    worker.shutdown().await;
}

pub(crate) async fn the_hash_is_over_the_uncompressed_message(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let mut compressing = rig.client().send_compressed(CompressionEncoding::Gzip);

    let plain = rig.client().reserve(keyed("tea", "k")).await.unwrap();
    let compressed = compressing.reserve(keyed("tea", "k")).await.unwrap();

    assert_eq!(plain.get_ref(), compressed.get_ref());
    assert_eq!(rig.callee.count("tea"), 1);
    worker.shutdown().await;
}

pub(crate) async fn another_process_attaches_and_replays(stores: impl Stores) {
    let store = stores.open().await;
    let rig = Rig::over(store.clone(), Default::default());
    // Nothing is shared between the two but the store.
    let elsewhere = Rig::over(store, rig.callee.clone());
    let worker = rig.worker();
    let release = rig.callee.hold("tea");
    let mut client = rig.client();
    let here = tokio::spawn(async move { client.reserve(keyed("tea", "k")).await });
    rig.reached("tea", 1).await;
    let mut client = elsewhere.client();
    let there = tokio::spawn(async move { client.reserve(keyed("tea", "k")).await });
    release.notify_one();

    assert_eq!(here.await.unwrap().unwrap().get_ref().text, "tea 1");
    assert_eq!(there.await.unwrap().unwrap().get_ref().text, "tea 1");
    let replayed = elsewhere.client().reserve(keyed("tea", "k")).await.unwrap();
    assert_eq!(replayed.get_ref().text, "tea 1");
    worker.shutdown().await;
}

pub(crate) async fn a_dead_call_runs_again_under_its_id(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    rig.callee.plan("tea", [Step::Refuse(Status::unavailable("closed"))]);
    let mut request = keyed("tea", "k");
    request.durable().max_attempts(1);
    let dead = rig.client().reserve(request).await.unwrap_err();
    assert_eq!(durable_grpc::end_kind(&dead), Some(EndKind::Dead));
    assert_eq!(outcome(&dead), Some(Outcome::Unknown), "a dead letter may be replayed");

    let reply = rig.client().reserve(keyed("tea", "k")).await.unwrap();

    assert_eq!(reply.get_ref().text, "tea 2");
    let id = call_id(&dead).unwrap();
    assert_eq!(*reply.metadata().get(CALL_ID).unwrap(), *id.to_string());
    assert!(rig.calls.dead_letters(Default::default()).await.unwrap().is_empty());
    worker.shutdown().await;
}

pub(crate) async fn bytes_and_clients_share_keys(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let mut call = raw(RESERVE, "tea");
    call.key = Some("k".to_owned());

    let typed = rig.client().reserve(keyed("tea", "k")).await.unwrap();
    let bytes = rig.calls.call_raw(call.clone()).await.unwrap();
    let id = rig.calls.submit_raw(call).await.unwrap();
    let again = rig.calls.outcome::<crate::shop::Receipt>(id).await.unwrap();

    assert_eq!(bytes.id, id);
    assert_eq!(again.get_ref(), typed.get_ref());
    assert_eq!(*bytes.metadata.get(CALL_ID).unwrap(), *id.to_string());
    let decoded: crate::shop::Receipt = prost::Message::decode(bytes.message).unwrap();
    assert_eq!(decoded, *typed.get_ref());
    assert_eq!(rig.callee.count("tea"), 1);
    worker.shutdown().await;
}

pub(crate) async fn the_first_policy_wins_when_a_call_runs_again(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    rig.callee.plan("tea", vec![Step::Refuse(Status::unavailable("closed")); 3]);
    for (most, attempts) in [(1, 1), (5, 2)] {
        let mut request = keyed("tea", "k");
        request.durable().max_attempts(most);
        let dead = rig.client().reserve(request).await.unwrap_err();
        assert_eq!(durable_grpc::end_kind(&dead), Some(EndKind::Dead));
        assert_eq!(rig.callee.count("tea"), attempts, "one attempt each time");
    }
    worker.shutdown().await;
}

pub(crate) async fn the_first_policy_wins_when_a_caller_attaches(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let submit = async |timeout| {
        let mut call = raw(RESERVE, "tea");
        call.key = Some("k".to_owned());
        call.attempt_timeout = Some(timeout);
        rig.calls.submit_raw(call).await.unwrap()
    };
    let first = submit(Duration::from_secs(3)).await;
    assert_eq!(submit(Duration::from_secs(9)).await, first);

    let worker = rig.worker();

    assert_eq!(rig.ended(first).await, EndKind::Answered);
    let seen = rig.callee.seen("tea");
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].metadata.get("grpc-timeout").unwrap(), "4000m", "and a second of grace");
    worker.shutdown().await;
}

pub(crate) async fn the_credential_of_the_caller_goes_nowhere(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    // This worker has no credential of its own that would replace the caller's.
    let worker = rig.worker();
    let mut request = Request::new(order("tea"));
    request.metadata_mut().insert("authorization", "Bearer of-the-caller".parse().unwrap());
    request.metadata_mut().insert("x-tenant", "blue".parse().unwrap());

    rig.client().reserve(request).await.unwrap();

    let metadata = rig.callee.seen("tea").remove(0).metadata;
    assert_eq!(metadata.get("authorization"), None);
    assert_eq!(metadata.get("x-tenant").unwrap(), "blue");
    worker.shutdown().await;
}

pub(crate) async fn what_must_not_be_stored_cannot_be_listed(stores: impl Stores) {
    let store = stores.open().await;
    let build = |name: &str| {
        Calls::builder_shared(store.clone()).forward_metadata(["x-tenant", name]).build()
    };
    for name in [
        "authorization",
        "Authorization",
        "proxy-authorization",
        "cookie",
        "grpc-timeout",
        "durable-key",
        "traceparent",
    ] {
        let refused = build(name).unwrap_err();
        assert!(matches!(&refused, BuildError::Metadata(named) if named == name), "{refused}");
    }
    assert!(build("x-raw-bin").is_ok());
}
