//! What is an answer, what is tried again, and what is neither.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use durable_grpc::store::EndKind;
use durable_grpc::{DeadLetterFilter, Outcome, RequestExt as _, Target, end_kind, outcome};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt as _, Full};
use tonic::{Code, Request, Response, Status, body::Body, metadata::MetadataMap};
use tower::{ServiceExt as _, service_fn};

use crate::{
    callee::Step,
    harness::{RESERVE, Rig, Stores, keyed, order, raw},
    shop::Receipt,
};

pub(crate) async fn idempotent_methods_are_retried_until_they_answer(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let trouble = [Status::unavailable("busy"), Status::internal("bug"), Status::aborted("race")];
    rig.callee.plan("tea", trouble.map(Step::Refuse));

    let reply = rig.client().reserve(order("tea")).await.unwrap();

    assert_eq!(reply.get_ref().text, "tea 4");
    let attempts: Vec<_> = rig
        .callee
        .seen("tea")
        .iter()
        .map(|seen| seen.metadata.get("durable-attempt").unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(attempts, ["1", "2", "3", "4"]);
    worker.shutdown().await;
}

pub(crate) async fn refusals_are_answers_with_all_they_carry(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    for code in [
        Code::InvalidArgument,
        Code::NotFound,
        Code::AlreadyExists,
        Code::FailedPrecondition,
        Code::OutOfRange,
        Code::PermissionDenied,
    ] {
        let name = format!("{code:?}");
        let mut metadata = MetadataMap::new();
        metadata.insert("x-reason", "sold-out".parse().unwrap());
        // A callee that passes on what the library told it does not speak for the library here.
        metadata.insert("durable-outcome", "not-accepted".parse().unwrap());
        let details = Bytes::from_static(&[0, 255, 7]);
        let refusal =
            Status::with_details_and_metadata(code, "nö, \"not\" today\n", details, metadata);
        rig.callee.plan(&name, [Step::Refuse(refusal)]);

        let status = rig.client().reserve(order(&name)).await.unwrap_err();

        assert_eq!((status.code(), status.message()), (code, "nö, \"not\" today\n"));
        assert_eq!(status.details(), [0, 255, 7]);
        assert_eq!(status.metadata().get("x-reason").unwrap(), "sold-out");
        assert_eq!(outcome(&status), None);
        assert!(durable_grpc::call_id(&status).is_some());
        assert_eq!(rig.callee.count(&name), 1);
    }
    worker.shutdown().await;
}

pub(crate) async fn every_status_answers_a_method_that_is_not_idempotent(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    for code in [Code::Unavailable, Code::Internal, Code::Unknown, Code::DeadlineExceeded] {
        let name = format!("{code:?}");
        rig.callee.plan(&name, [Step::Refuse(Status::new(code, "trouble"))]);
        let status = rig.client().charge(order(&name)).await.unwrap_err();
        assert_eq!((status.code(), outcome(&status)), (code, None));
        assert_eq!(rig.callee.count(&name), 1);
    }
    worker.shutdown().await;
}

pub(crate) async fn a_lost_answer_is_ambiguous_unless_the_method_is_idempotent(
    stores: impl Stores,
) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    rig.callee.plan("once", [Step::Hang]);
    rig.callee.plan("often", [Step::Hang]);
    let hurried = |name: &str| {
        let mut request = Request::new(order(name));
        request.durable().attempt_timeout(Duration::from_millis(100));
        request
    };

    let status = rig.client().charge(hurried("once")).await.unwrap_err();
    let reply = rig.client().reserve(hurried("often")).await.unwrap();

    assert_eq!(status.code(), Code::Unknown);
    assert_eq!(outcome(&status), Some(Outcome::Unknown));
    assert_eq!(end_kind(&status), Some(EndKind::Ambiguous));
    assert_eq!(rig.callee.count("once"), 1, "never sent twice");
    assert_eq!(reply.get_ref().text, "often 2");
    let dead = rig.calls.dead_letters(DeadLetterFilter::default()).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(Some(dead[0].call.id), durable_grpc::call_id(&status));
    worker.shutdown().await;
}

pub(crate) async fn a_panic_is_a_failed_attempt(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    rig.callee.plan("often", [Step::Panic, Step::Panic]);
    rig.callee.plan("once", [Step::Panic]);

    let reply = rig.client().reserve(order("often")).await.unwrap();
    let status = rig.client().charge(order("once")).await.unwrap_err();

    assert_eq!(reply.get_ref().text, "often 3");
    assert_eq!(end_kind(&status), Some(EndKind::Ambiguous));
    assert_eq!(rig.callee.count("once"), 1);
    worker.shutdown().await;
}

pub(crate) async fn attempt_timeouts_are_retried(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    rig.callee.plan("tea", [Step::Hang, Step::Hang]);
    let mut request = keyed("tea", "k");
    request.durable().attempt_timeout(Duration::from_millis(50));

    let reply = rig.client().reserve(request).await.unwrap();

    assert_eq!(reply.get_ref().text, "tea 3");
    let view = rig.calls.lookup_key(crate::harness::LANE, RESERVE, "k").await.unwrap().unwrap();
    assert_eq!((view.attempts, view.lost), (3, 0));
    worker.shutdown().await;
}

pub(crate) async fn a_handler_that_blocks_its_thread_does_not_stop_the_timer(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = Arc::new(Mutex::new(blocked));
    let blocking = move || {
        _ = blocked.lock().unwrap().recv();
        http::Response::new(Body::empty())
    };
    let (target, count) = answering_first(blocking, rig.callee.routes());
    let worker = rig.worker_at(target);
    let mut request = keyed("tea", "k");
    request.durable().attempt_timeout(Duration::from_millis(50)).deadline(Duration::from_secs(10));

    let reply = rig.client().reserve(request).await;

    // First of all, or a failure would leave the thread behind.
    drop(release);
    assert_eq!(reply.unwrap().get_ref().text, "tea 1");
    assert_eq!(count.load(Ordering::SeqCst), 2);
    worker.shutdown().await;
}

pub(crate) async fn max_attempts_end_in_the_dead_letters(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    rig.callee.plan("tea", vec![Step::Refuse(Status::unavailable("closed for good")); 5]);
    let mut request = Request::new(order("tea"));
    request.durable().max_attempts(3);

    let status = rig.client().reserve(request).await.unwrap_err();

    assert_eq!(status.code(), Code::Aborted);
    assert!(status.message().contains("closed for good"), "{status}");
    assert_eq!(end_kind(&status), Some(EndKind::Dead));
    assert_eq!(rig.callee.count("tea"), 3);
    let dead = rig.calls.dead_letters(DeadLetterFilter::default()).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].call.attempts, 3);
    worker.shutdown().await;
}

/// A callee below gRPC: whatever it answers first, it then answers properly.
fn answering_first(
    first: impl Fn() -> http::Response<Body> + Clone + Send + Sync + 'static,
    then: tonic::service::Routes,
) -> (Target, Arc<AtomicU32>) {
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    let service = service_fn(move |request: http::Request<Body>| {
        let (first, then) = (first.clone(), then.clone());
        let number = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            if number == 0 { Ok::<_, Infallible>(first()) } else { then.oneshot(request).await }
        }
    });
    (Target::in_process(service), count)
}

fn body(frame: &'static [u8], trailers: Option<(&'static str, &'static str)>) -> Body {
    let trailers = trailers.map(|(name, value)| {
        let mut map = HeaderMap::new();
        map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        Ok(map)
    });
    Body::new(Full::new(Bytes::from_static(frame)).with_trailers(async move { trailers }))
}

pub(crate) async fn what_is_no_grpc_status_is_no_answer(stores: impl Stores) {
    const EMPTY_FRAME: &[u8] = &[0, 0, 0, 0, 0];
    let rig = Rig::new(&stores).await;
    let unavailable = || {
        let mut response = http::Response::new(body(EMPTY_FRAME, Some(("grpc-status", "0"))));
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        response
    };
    let no_status = || http::Response::new(body(EMPTY_FRAME, None));
    let ok_without_message = || http::Response::new(body(&[], Some(("grpc-status", "0"))));
    let truncated = || http::Response::new(body(&[0, 0, 0, 0, 9, 1], Some(("grpc-status", "0"))));
    let firsts: [fn() -> http::Response<Body>; 4] =
        [unavailable, no_status, ok_without_message, truncated];
    for first in firsts {
        let (target, count) = answering_first(first, rig.callee.routes());
        let worker = rig.worker_at(target);
        rig.client().reserve(order("often")).await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 2);
        worker.shutdown().await;

        let (target, count) = answering_first(first, rig.callee.routes());
        let worker = rig.worker_at(target);
        let status = rig.client().charge(order("once")).await.unwrap_err();
        assert_eq!(end_kind(&status), Some(EndKind::Ambiguous));
        assert_eq!(count.load(Ordering::SeqCst), 1);
        worker.shutdown().await;
    }
    assert_eq!(rig.callee.count("once"), 0);
}

pub(crate) async fn answers_that_cannot_be_kept_end_the_call(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    rig.callee.plan("large", [Step::Large(durable_grpc::MAX_MESSAGE_BYTES + 1)]);
    let mut metadata = MetadataMap::new();
    metadata.insert("x-much", "m".repeat(9000).parse().unwrap());
    rig.callee.plan("chatty", [Step::Metadata(metadata)]);
    // What just fits is kept: the field's tag and length and the text take a few bytes more.
    rig.callee.plan("fits", [Step::Large(durable_grpc::MAX_MESSAGE_BYTES - 64)]);

    for (name, complaint) in [("large", "larger than 4194304 bytes"), ("chatty", "metadata has")] {
        let status = rig.client().reserve(order(name)).await.unwrap_err();
        assert!(status.message().contains(complaint), "{status}");
        assert_eq!(outcome(&status), Some(Outcome::Unknown));
        assert_eq!(end_kind(&status), Some(EndKind::Dead));
        assert_eq!(rig.callee.count(name), 1);
    }
    let reply: Response<Receipt> = rig.client().reserve(order("fits")).await.unwrap();
    assert_eq!(reply.get_ref().note.len(), durable_grpc::MAX_MESSAGE_BYTES - 64);
    worker.shutdown().await;
}

pub(crate) async fn a_method_nobody_described_is_not_idempotent(stores: impl Stores) {
    let store = stores.open().await;
    let calls = durable_grpc::Calls::builder_shared(store).build().unwrap();
    let rig = Rig { calls, callee: Default::default() };
    let worker = rig.worker();
    rig.callee.plan("tea", [Step::Refuse(Status::unavailable("busy"))]);

    let status = rig.calls.call_raw(raw(RESERVE, "tea")).await.unwrap_err();

    assert_eq!((status.code(), outcome(&status)), (Code::Unavailable, None));
    assert_eq!(rig.callee.count("tea"), 1);
    worker.shutdown().await;
}
