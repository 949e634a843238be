//! Whom a callee believes.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use durable_grpc::{
    CallId, CallStore, Calls, CallsBuilder, DeadLetterFilter, MacKey, Outcome, RequestExt as _,
    Target, Worker, WorkerHandle, call_id, end_kind, outcome,
    server::{CalledExt as _, VerifyLayer},
    store::{EndKind, NewCall, Policy, Submitted},
};
use http::HeaderValue;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, codec::CompressionEncoding, metadata::MetadataMap, transport::Server};
use tower::Layer as _;

use crate::{
    callee::Callee,
    harness::{CHARGE, LANE, RESERVE, Rig, Stores, eventually, keyed, order, patient, raw},
    shop::{Order, Receipt, till_client::TillClient},
    targets::{Serving, endpoint, listen},
};

const CREDENTIAL: HeaderValue = HeaderValue::from_static("Bearer of-this-installation");

fn key() -> MacKey {
    MacKey::new([1; 32])
}

fn verification() -> VerifyLayer {
    VerifyLayer::new([key()]).credential(CREDENTIAL).lane(LANE)
}

/// A till that is called by whoever has this key.
fn sealing(store: &Arc<dyn CallStore>, key: MacKey, callee: &Callee) -> Rig {
    let sealing = |builder: CallsBuilder| builder.breaker(patient()).mac_key(key);
    Rig::built(store.clone(), callee.clone(), sealing)
}

fn in_process(callee: &Callee, verification: &VerifyLayer) -> Target {
    Target::in_process(verification.layer(callee.routes()))
}

fn serve(callee: &Callee, verification: VerifyLayer, listener: TcpListener) -> Serving {
    let routes = callee.routes();
    Serving(tokio::spawn(async move {
        let incoming = TcpListenerStream::new(listener);
        let server = Server::builder().layer(verification).add_routes(routes);
        server.serve_with_incoming(incoming).await.unwrap();
    }))
}

fn worker(calls: &Calls, target: Target, credential: HeaderValue) -> WorkerHandle {
    let grace = Duration::from_millis(200);
    Worker::builder(calls).lane(LANE, target).credential(credential).grace(grace).spawn()
}

pub(crate) async fn sealed_calls_are_executed(stores: impl Stores) {
    let store = stores.open().await;
    let rig = sealing(&store, key(), &Callee::default());
    let (listener, address) = listen().await;
    let _serving = serve(&rig.callee, verification(), listener);
    let places = [in_process(&rig.callee, &verification()), Target::remote([endpoint(address)])];
    for (place, target) in places.into_iter().enumerate() {
        let worker = worker(&rig.calls, target, CREDENTIAL);
        let name = |what: &str| format!("{what} {place}");
        let odd = format!("schlüssel 100 %\r\n{place}");

        rig.client().reserve(order(&name("unkeyed"))).await.unwrap();
        rig.client().reserve(keyed(&name("keyed"), &odd)).await.unwrap();
        rig.client().charge(keyed(&name("once"), &odd)).await.unwrap();
        rig.calls.call_raw(raw(RESERVE, &name("raw"))).await.unwrap();

        for (what, key) in [("unkeyed", None), ("keyed", Some(&*odd)), ("once", Some(&*odd))] {
            let metadata = rig.callee.seen(&name(what)).remove(0).metadata;
            let mut request = Request::new(());
            *request.metadata_mut() = metadata;
            let call = request.durable_call().unwrap();
            assert_eq!((call.key.as_deref(), &*call.lane, call.attempt), (key, LANE, 1), "{what}");
            assert!(rig.calls.lookup(call.id).await.unwrap().is_some());
        }
        worker.shutdown().await;
    }
}

pub(crate) async fn a_call_written_into_the_store_is_a_dead_letter(stores: impl Stores) {
    let store = stores.open().await;
    let rig = sealing(&store, key(), &Callee::default());
    // Whoever reaches the store can write what any caller writes, but for the seal.
    let forger = Rig::over(store.clone(), rig.callee.clone());
    let worker = worker(&rig.calls, in_process(&rig.callee, &verification()), CREDENTIAL);

    let status = forger.client().reserve(keyed("forged", "k")).await.unwrap_err();
    let once = forger.client().charge(keyed("forged", "k")).await.unwrap_err();

    for status in [&status, &once] {
        assert_eq!((status.code(), end_kind(status)), (Code::Aborted, Some(EndKind::Dead)));
        // Not a refusal: whoever waits for a call of its own must not compensate.
        assert_eq!(outcome(status), Some(Outcome::Unknown));
        assert!(status.message().contains("mac"), "{}", status.message());
    }
    let dead = rig.calls.dead_letters(DeadLetterFilter::default()).await.unwrap();
    assert_eq!(dead.len(), 2, "an operator sees them");
    // Replaying it makes it no better.
    let id = call_id(&status).unwrap();
    assert!(rig.calls.replay(id).await.unwrap());
    assert_eq!(rig.ended(id).await, EndKind::Dead);
    assert_eq!(rig.callee.count("forged"), 0);

    // The caller whose key was taken is heard, under the same id, and with its own seal.
    let reply = rig.client().reserve(keyed("forged", "k")).await.unwrap();
    assert_eq!(*reply.metadata().get(durable_grpc::CALL_ID).unwrap(), *id.to_string());
    assert_eq!(rig.callee.count("forged"), 1);
    worker.shutdown().await;
}

pub(crate) async fn a_seal_fits_its_own_call_only(stores: impl Stores) {
    let store = stores.open().await;
    let rig = sealing(&store, key(), &Callee::default());
    let worker = worker(&rig.calls, in_process(&rig.callee, &verification()), CREDENTIAL);
    rig.client().reserve(keyed("tea", "k")).await.unwrap();
    rig.client().reserve(order("cha")).await.unwrap();
    let seal = |name: &str| {
        let metadata = rig.callee.seen(name).remove(0).metadata;
        metadata.get("durable-mac").unwrap().to_str().unwrap().parse::<HeaderValue>().unwrap()
    };
    let forged = |seal: &HeaderValue, method: &str, key: Option<&str>, name: &str| {
        let payload = Bytes::from(order(name).encode_to_vec());
        let mut metadata = http::HeaderMap::new();
        metadata.insert("durable-mac", seal.clone());
        // What a worker writes itself cannot be brought along.
        metadata.insert("durable-key", HeaderValue::from_static("k"));
        metadata.insert("durable-lane", HeaderValue::from_static(LANE));
        NewCall {
            id: CallId::generate(),
            lane: LANE.into(),
            method: method.into(),
            key: key.map(Into::into),
            hash: Sha256::digest(&payload).into(),
            metadata,
            payload,
            policy: Policy {
                idempotent: true,
                detached: false,
                attempt_timeout: Duration::from_secs(10),
                expires_in: Duration::from_secs(60),
                max_attempts: None,
            },
            not_before: None,
        }
    };
    let (keyed_seal, unkeyed_seal) = (seal("tea"), seal("cha"));
    for (what, call) in [
        ("other bytes", forged(&keyed_seal, RESERVE, Some("k2"), "beer")),
        ("another key", forged(&keyed_seal, RESERVE, Some("k3"), "tea")),
        ("no key", forged(&keyed_seal, RESERVE, None, "tea")),
        ("another method", forged(&keyed_seal, CHARGE, Some("k"), "tea")),
        ("another id", forged(&unkeyed_seal, RESERVE, None, "cha")),
        ("a key for an id", forged(&unkeyed_seal, RESERVE, Some("k4"), "cha")),
    ] {
        let Ok(Submitted::Accepted(id)) = store.submit(vec![call]).await.remove(0) else {
            panic!("{what} was not accepted")
        };
        assert_eq!(rig.ended(id).await, EndKind::Dead, "{what}");
    }
    for (name, count) in [("tea", 1), ("cha", 1), ("beer", 0)] {
        assert_eq!(rig.callee.count(name), count, "{name}");
    }
    worker.shutdown().await;
}

pub(crate) async fn strangers_are_refused_at_the_port(stores: impl Stores) {
    let store = stores.open().await;
    let rig = sealing(&store, key(), &Callee::default());
    let (listener, address) = listen().await;
    let _serving = serve(&rig.callee, verification(), listener);
    let target = Target::remote([endpoint(address)]);
    let mut stranger = TillClient::new(target.channel());
    let wrong = HeaderValue::from_static("Bearer of-this-installatiom");
    let mut mistaken = TillClient::new(target.channel().credential(wrong));
    let mut own = TillClient::new(target.channel().credential(CREDENTIAL));
    // The credential alone is enough for queries and streams, which pass unread.
    for client in [&mut stranger, &mut mistaken] {
        let refused = client.reserve(order("tea")).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        let refused = client.watch(order("tea")).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
    }
    own.reserve(order("query")).await.unwrap();
    own.watch(order("query")).await.unwrap();
    // It is not enough for what says that it is a durable call, in whichever way.
    let described = [
        ("durable-call-id", "0198c0de-0000-7000-8000-000000000001"),
        ("durable-lane", LANE),
        ("durable-attempt", "1"),
        ("durable-time-left-ms", "1000"),
        ("durable-key", "k"),
        ("durable-mac", "0badc0de.00"),
    ];
    for count in 1..=described.len() {
        let mut request = Request::new(order("tea"));
        for (name, value) in &described[..count] {
            request.metadata_mut().insert(*name, value.parse().unwrap());
        }
        let refused = own.reserve(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{count}");
    }
    assert_eq!(rig.callee.count("tea"), 0);
    // Neither is the seal without the credential.
    let worker = worker(&rig.calls, target, CREDENTIAL);
    rig.client().reserve(keyed("cha", "k")).await.unwrap();
    let mut overheard = rig.callee.seen("cha").remove(0).metadata;
    overheard.remove("authorization");
    let refused = stranger.reserve(with(overheard.clone(), order("cha"))).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    // With both, it is the same call once more: what a callee has to expect of any call.
    own.reserve(with(overheard.clone(), order("cha"))).await.unwrap();
    assert_eq!(
        own.reserve(with(overheard, order("tea"))).await.unwrap_err().code(),
        Code::Unauthenticated
    );
    assert_eq!(rig.callee.count("tea"), 0);
    worker.shutdown().await;
}

fn with(metadata: MetadataMap, order: Order) -> Request<Order> {
    let mut request = Request::new(order);
    *request.metadata_mut() = metadata;
    request
}

pub(crate) async fn a_seal_is_over_the_uncompressed_message(stores: impl Stores) {
    let store = stores.open().await;
    let rig = sealing(&store, key(), &Callee::default());
    let (listener, address) = listen().await;
    let _serving = serve(&rig.callee, verification(), listener);
    let target = Target::remote([endpoint(address)]);
    let worker = worker(&rig.calls, target.clone(), CREDENTIAL);
    let long = Order { name: "tea".to_owned(), note: Bytes::from("much the same ".repeat(1000)) };
    // A caller that compresses, through the store …
    let mut compressing = rig.client().send_compressed(CompressionEncoding::Gzip);
    let mut request = Request::new(long.clone());
    request.durable().key("k");
    compressing.reserve(request).await.unwrap();
    // … and a foreign worker that does.
    let mut overheard = rig.callee.seen("tea").remove(0).metadata;
    overheard.remove("authorization");
    let mut foreign = TillClient::new(target.channel().credential(CREDENTIAL))
        .send_compressed(CompressionEncoding::Gzip);
    let reply: Receipt =
        foreign.reserve(with(overheard.clone(), long.clone())).await.unwrap().into_inner();
    assert_eq!(reply.note, long.note, "the body is handed on as it came");
    let short = Order { note: long.note.slice(1..), ..long };
    let refused = foreign.reserve(with(overheard.clone(), short)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    // Too much is refused before the till sees it.
    let large = Order { name: "tea".to_owned(), note: Bytes::from(vec![0; 4 << 20]) };
    let refused = foreign.reserve(with(overheard, large)).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    assert_eq!(rig.callee.count("tea"), 2);
    worker.shutdown().await;
}

pub(crate) async fn a_wrong_credential_waits_for_the_right_one(stores: impl Stores) {
    let store = stores.open().await;
    let rig = sealing(&store, key(), &Callee::default());
    let target = in_process(&rig.callee, &verification());
    let wrong = worker(&rig.calls, target.clone(), HeaderValue::from_static("Bearer wrong"));
    // Not idempotent, and tried again all the same: it is certain that the till has not seen it.
    let mut client = rig.client();
    let mut request = keyed("tea", "k");
    request.durable().max_attempts(1);
    let caller = tokio::spawn(async move { client.charge(request).await });
    eventually("the call has been tried in vain", async || {
        (rig.calls.stats().await.unwrap().first()?.later == 1).then_some(())
    })
    .await;
    wrong.shutdown().await;
    assert_eq!(rig.callee.count("tea"), 0);

    let right = worker(&rig.calls, target, CREDENTIAL);

    assert_eq!(caller.await.unwrap().unwrap().get_ref().text, "tea 1");
    right.shutdown().await;
}

pub(crate) async fn keys_are_changed_while_calls_wait(stores: impl Stores) {
    let store = stores.open().await;
    let (old, new) = (MacKey::new([1; 32]), MacKey::new([2; 32]));
    let rig = sealing(&store, old.clone(), &Callee::default());
    let changed = sealing(&store, new.clone(), &rig.callee);
    let waiting = rig.calls.submit_raw(raw(RESERVE, "waiting")).await.unwrap();

    let both = VerifyLayer::new([new.clone(), old]);
    let serving = worker(&rig.calls, in_process(&rig.callee, &both), CREDENTIAL);
    changed.client().reserve(order("new")).await.unwrap();
    eventually("the call that waited is executed", async || {
        (rig.callee.count("waiting") == 1).then_some(())
    })
    .await;
    serving.shutdown().await;
    assert!(!matches!(rig.state(waiting).await, Some(durable_grpc::store::CallState::Waiting)));

    let after = VerifyLayer::new([new]);
    let serving = worker(&rig.calls, in_process(&rig.callee, &after), CREDENTIAL);
    let late = rig.client().reserve(keyed("late", "k")).await.unwrap_err();
    assert_eq!(end_kind(&late), Some(EndKind::Dead));
    // Submitted again with the new key, it is sealed anew.
    changed.client().reserve(keyed("late", "k")).await.unwrap();
    assert_eq!(rig.callee.count("late"), 1);
    serving.shutdown().await;
}
