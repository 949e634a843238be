//! The wait, the attempt timeout and the expiry; detached, later, dropped and cancelled calls.

use std::time::Duration;

use durable_grpc::{
    CALL_ID, CallId, Cancelled, DeadLetterFilter, Outcome, RequestExt as _, call_id, end_kind,
    outcome,
    store::{CallState, EndKind},
};
use tonic::{Code, Request, Status};

use crate::{
    callee::Step,
    harness::{LANE, RESERVE, Rig, Stores, eventually, keyed, order, raw},
    shop::Receipt,
};

const DAY: Duration = Duration::from_hours(24);

pub(crate) async fn waiting_ends_and_the_keyed_call_goes_on(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let release = rig.callee.hold("tea");
    let mut request = keyed("tea", "k");
    request.durable().deadline(Duration::from_millis(50));

    let status = rig.client().reserve(request).await.unwrap_err();

    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(outcome(&status), Some(Outcome::Unknown));
    assert_eq!(end_kind(&status), None, "the call has not ended");
    let id = call_id(&status).unwrap();
    rig.reached("tea", 1).await;
    assert_eq!(rig.state(id).await, Some(CallState::Running));
    release.notify_one();
    let reply = rig.calls.outcome::<Receipt>(id).await.unwrap();
    assert_eq!(reply.get_ref().text, "tea 1");
    let nothing = rig.calls.outcome::<Receipt>(CallId::generate()).await.unwrap_err();
    assert_eq!(nothing.code(), Code::NotFound);
    worker.shutdown().await;
}

pub(crate) async fn the_timeout_of_the_request_is_the_wait(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let mut request = Request::new(order("tea"));
    request.set_timeout(Duration::from_millis(30));
    let status = rig.client().reserve(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(call_id(&status).is_some());
}

pub(crate) async fn an_unkeyed_call_expires_with_its_caller(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let mut request = Request::new(order("tea"));
    request.durable().deadline(Duration::from_millis(20));
    let status = rig.client().reserve(request).await.unwrap_err();
    let id = call_id(&status).unwrap();
    stores.advance(Duration::from_secs(1));

    let worker = rig.worker();

    assert_eq!(rig.ended(id).await, EndKind::Expired);
    assert_eq!(rig.callee.count("tea"), 0, "nobody would have seen the answer");
    let status = rig.calls.outcome::<Receipt>(id).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(outcome(&status), Some(Outcome::NotAccepted), "it was never sent");
    assert!(rig.calls.dead_letters(DeadLetterFilter::default()).await.unwrap().is_empty());
    assert_eq!(rig.calls.stats().await.unwrap()[0].expired, 1);
    worker.shutdown().await;
}

pub(crate) async fn a_keyed_call_that_expires_is_a_dead_letter(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let mut request = keyed("tea", "k");
    request.durable().deadline(Duration::from_millis(20));
    let status = rig.client().reserve(request).await.unwrap_err();
    let id = call_id(&status).unwrap();
    stores.advance(DAY);

    let worker = rig.worker();

    assert_eq!(rig.ended(id).await, EndKind::Dead);
    assert_eq!(rig.callee.count("tea"), 0);
    let status = rig.calls.outcome::<Receipt>(id).await.unwrap_err();
    assert!(status.message().contains("expired"), "{status}");
    assert_eq!(outcome(&status), Some(Outcome::Unknown));
    // Whoever asks again by key has it executed after all.
    assert_eq!(rig.client().reserve(keyed("tea", "k")).await.unwrap().get_ref().text, "tea 1");
    worker.shutdown().await;
}

pub(crate) async fn a_detached_call_returns_once_persisted(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let mut request = Request::new(order("tea"));
    request.durable().detached();

    let reply = rig.client().reserve(request).await.unwrap();

    assert_eq!(*reply.get_ref(), Receipt::default());
    let id: CallId = reply.metadata().get(CALL_ID).unwrap().to_str().unwrap().parse().unwrap();
    assert_eq!(rig.state(id).await, Some(CallState::Waiting));
    stores.advance(DAY * 6);
    let worker = rig.worker();
    rig.reached("tea", 1).await;
    worker.shutdown().await;

    let late = rig.calls.submit_raw(raw(RESERVE, "late")).await.unwrap();
    stores.advance(DAY * 7);
    let worker = rig.worker();
    assert_eq!(rig.ended(late).await, EndKind::Dead);
    assert_eq!(rig.callee.count("late"), 0);
    worker.shutdown().await;
}

pub(crate) async fn a_detached_success_leaves_nothing_behind(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let id = rig.calls.submit_raw(raw(RESERVE, "tea")).await.unwrap();
    let gone = async || rig.state(id).await.is_none().then_some(());
    eventually("the record goes", gone).await;
    assert_eq!(rig.callee.count("tea"), 1);
    worker.shutdown().await;
}

pub(crate) async fn a_detached_refusal_is_a_dead_letter(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    rig.callee.plan("tea", [Step::Refuse(Status::not_found("no such tea"))]);
    let id = rig.calls.submit_raw(raw(RESERVE, "tea")).await.unwrap();
    assert_eq!(rig.ended(id).await, EndKind::Dead);
    let dead = rig.calls.dead_letters(DeadLetterFilter::default()).await.unwrap();
    let CallState::Ended(ended) = &dead[0].call.state else { panic!("it has ended") };
    let refusal = ended.answer.as_ref().and_then(|answer| answer.refusal()).unwrap();
    assert_eq!((refusal.code(), refusal.message()), (Code::NotFound, "no such tea"));
    worker.shutdown().await;
}

pub(crate) async fn not_before_its_time(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let mut call = raw(RESERVE, "later");
    call.not_before = Some(stores.now() + Duration::from_hours(1));
    let id = rig.calls.submit_raw(call).await.unwrap();
    let mut soon = raw(RESERVE, "soon");
    soon.not_before = Some(stores.now() + Duration::from_millis(50));
    rig.calls.submit_raw(soon).await.unwrap();
    let worker = rig.worker();

    // The other call waits for its time in the same lane, and is executed when it has come.
    rig.reached("soon", 1).await;
    assert_eq!(rig.state(id).await, Some(CallState::Waiting));
    assert_eq!(rig.calls.stats().await.unwrap()[0].later, 1);
    stores.advance(Duration::from_hours(1));
    rig.reached("later", 1).await;
    worker.shutdown().await;
}

pub(crate) async fn a_dropped_future_detaches(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let mut client = rig.client();
    let caller = tokio::spawn(async move { client.reserve(keyed("tea", "k")).await });
    let submitted = eventually("the call is submitted", async || {
        rig.calls.lookup_key(LANE, RESERVE, "k").await.unwrap()
    })
    .await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());

    let worker = rig.worker();

    assert_eq!(rig.ended(submitted.id).await, EndKind::Answered);
    assert_eq!(rig.callee.count("tea"), 1);
    worker.shutdown().await;
}

pub(crate) async fn a_waiting_call_is_cancelled_for_good(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let mut client = rig.client();
    let caller = tokio::spawn(async move { client.reserve(keyed("tea", "k")).await });
    let submitted = eventually("the call is submitted", async || {
        rig.calls.lookup_key(LANE, RESERVE, "k").await.unwrap()
    })
    .await;

    let cancelled = rig.calls.cancel(submitted.id).await.unwrap();

    assert_eq!(cancelled, Cancelled::Removed { may_have_executed: false });
    let status = caller.await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Cancelled);
    assert_eq!(outcome(&status), Some(Outcome::NotAccepted));
    let worker = rig.worker();
    // A call behind it is executed; the cancelled one is not.
    rig.client().reserve(order("next")).await.unwrap();
    assert_eq!(rig.callee.count("tea"), 0);
    // The key is free again.
    assert_eq!(rig.client().reserve(keyed("tea", "k")).await.unwrap().get_ref().text, "tea 1");
    worker.shutdown().await;
}

pub(crate) async fn a_running_call_is_signalled(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    rig.callee.plan("tea", [Step::Hang]);
    let mut client = rig.client();
    let caller = tokio::spawn(async move { client.reserve(keyed("tea", "k")).await });
    rig.reached("tea", 1).await;
    let id = rig.calls.lookup_key(LANE, RESERVE, "k").await.unwrap().unwrap().id;

    assert_eq!(rig.calls.cancel(id).await.unwrap(), Cancelled::Signalled);

    let status = caller.await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Cancelled);
    assert_eq!(outcome(&status), Some(Outcome::Unknown), "it may have executed");
    assert_eq!(rig.ended(id).await, EndKind::Cancelled);
    worker.shutdown().await;
}

pub(crate) async fn what_has_ended_cannot_be_cancelled(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let reply = rig.client().reserve(keyed("tea", "k")).await.unwrap();
    let id: CallId = reply.metadata().get(CALL_ID).unwrap().to_str().unwrap().parse().unwrap();
    assert_eq!(rig.calls.cancel(id).await.unwrap(), Cancelled::AlreadyEnded);
    assert_eq!(rig.calls.cancel(CallId::generate()).await.unwrap(), Cancelled::NotFound);
    worker.shutdown().await;
}
