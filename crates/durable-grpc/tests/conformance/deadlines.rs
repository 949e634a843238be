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

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// A keyed call whose caller has gone away: a deadline might pass before a slow store has it.
async fn left_alone(rig: &Rig) -> CallId {
    let mut client = rig.client();
    let caller = tokio::spawn(async move { client.reserve(keyed("tea", "k")).await });
    let submitted = eventually("the call is submitted", async || {
        rig.calls.lookup_key(LANE, RESERVE, "k").await.unwrap()
    })
    .await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    submitted.id
}

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
    let id = left_alone(&rig).await;
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
    let id = left_alone(&rig).await;

    let worker = rig.worker();

    assert_eq!(rig.ended(id).await, EndKind::Answered);
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

pub(crate) async fn a_keyed_call_is_tried_for_a_day(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let id = left_alone(&rig).await;
    stores.advance(DAY - HOUR);

    let worker = rig.worker();

    assert_eq!(rig.ended(id).await, EndKind::Answered);
    assert_eq!(rig.callee.count("tea"), 1);
    worker.shutdown().await;
}

pub(crate) async fn the_expiry_counts_from_the_earliest_time(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let mut call = raw(RESERVE, "tea");
    call.not_before = Some(stores.now() + DAY * 3);
    rig.calls.submit_raw(call).await.unwrap();
    // Of ten days, counted from the submission seven would be over.
    stores.advance(DAY * 9);
    let worker = rig.worker();
    rig.reached("tea", 1).await;
    worker.shutdown().await;

    let mut late = raw(RESERVE, "late");
    late.not_before = Some(stores.now() + DAY * 3);
    let late = rig.calls.submit_raw(late).await.unwrap();
    stores.advance(DAY * 10);
    let worker = rig.worker();
    assert_eq!(rig.ended(late).await, EndKind::Dead);
    assert_eq!(rig.callee.count("late"), 0);
    worker.shutdown().await;
}

/// What the callee was told is left of the call with the only order of this name.
fn time_left_ms(rig: &Rig, name: &str) -> u64 {
    let seen = rig.callee.seen(name).remove(0);
    seen.metadata.get("durable-time-left-ms").unwrap().to_str().unwrap().parse().unwrap()
}

pub(crate) async fn without_a_deadline_a_caller_waits_half_a_minute(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    rig.client().reserve(order("tea")).await.unwrap();
    let left = time_left_ms(&rig, "tea");
    assert!((25_000..=30_000).contains(&left), "{left}");
    worker.shutdown().await;
}

pub(crate) async fn the_deadline_beats_the_timeout_of_the_request(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let both = |name: &str, timeout, deadline| {
        let mut request = Request::new(order(name));
        request.set_timeout(timeout);
        request.durable().deadline(deadline);
        request
    };
    let (moment, long) = (Duration::from_micros(1), Duration::from_secs(20));

    // No store answers within a microsecond.
    rig.client().reserve(both("longer", moment, long)).await.unwrap();
    rig.client().reserve(both("shorter", long, Duration::from_secs(9))).await.unwrap();

    let (longer, shorter) = (time_left_ms(&rig, "longer"), time_left_ms(&rig, "shorter"));
    assert!((10_000..=20_000).contains(&longer), "{longer}");
    assert!((1..=9_000).contains(&shorter), "{shorter}");
    worker.shutdown().await;
}

pub(crate) async fn a_replayed_call_has_its_whole_time_again(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let id = left_alone(&rig).await;
    stores.advance(DAY);
    let worker = rig.worker();
    assert_eq!(rig.ended(id).await, EndKind::Dead);
    worker.shutdown().await;

    assert!(rig.calls.replay(id).await.unwrap());
    // Nearly all of it may pass before somebody works again.
    stores.advance(DAY - HOUR);
    let worker = rig.worker();

    assert_eq!(rig.ended(id).await, EndKind::Answered);
    assert_eq!(rig.callee.count("tea"), 1);
    worker.shutdown().await;
}

pub(crate) async fn a_key_that_runs_again_outlives_its_former_end(stores: impl Stores) {
    let store = stores.open().await;
    let rig = Rig::over(store.clone(), Default::default());
    let mut call = raw(RESERVE, "tea");
    call.key = Some("k".to_owned());
    let id = rig.calls.submit_raw(call.clone()).await.unwrap();
    let cancelled = rig.calls.cancel(id).await.unwrap();
    assert_eq!(cancelled, Cancelled::Removed { may_have_executed: false });
    // The end would have been kept for a day; the call itself waits longer.
    call.not_before = Some(stores.now() + Duration::from_hours(30));
    assert_eq!(rig.calls.submit_raw(call).await.unwrap(), id);

    stores.advance(Duration::from_hours(30));

    assert_eq!(store.sweep(10).await.unwrap(), 0);
    let view = rig.calls.lookup_key(LANE, RESERVE, "k").await.unwrap().unwrap();
    assert_eq!((view.id, view.state), (id, CallState::Waiting));
    let worker = rig.worker();
    assert_eq!(rig.ended(id).await, EndKind::Answered);
    assert_eq!(rig.client().reserve(keyed("tea", "k")).await.unwrap().get_ref().text, "tea 1");
    assert_eq!(rig.callee.count("tea"), 1);
    worker.shutdown().await;
}

pub(crate) async fn an_answer_is_kept_from_its_end_on(stores: impl Stores) {
    let store = stores.open().await;
    let rig = Rig::over(store.clone(), Default::default());
    let id = left_alone(&rig).await;
    stores.advance(DAY - HOUR);
    let worker = rig.worker();
    assert_eq!(rig.ended(id).await, EndKind::Answered);

    // More than a day after the submission.
    stores.advance(HOUR * 2);

    assert_eq!(store.sweep(10).await.unwrap(), 0);
    assert_eq!(rig.client().reserve(keyed("tea", "k")).await.unwrap().get_ref().text, "tea 1");
    assert_eq!(rig.callee.count("tea"), 1);
    worker.shutdown().await;
}

pub(crate) async fn a_detached_call_with_a_key_is_kept_as_a_keyed_one(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let submit = async |name: &str| {
        let mut call = raw(RESERVE, name);
        call.key = Some(name.to_owned());
        rig.calls.submit_raw(call).await.unwrap()
    };
    let late = submit("late").await;
    stores.advance(HOUR);
    let tea = submit("tea").await;
    stores.advance(DAY - HOUR);

    let worker = rig.worker();

    // A day, not seven: whoever asks again by key does so within it.
    assert_eq!(rig.ended(late).await, EndKind::Dead);
    assert_eq!(rig.callee.count("late"), 0);
    // Its success is kept, for its key.
    assert_eq!(rig.ended(tea).await, EndKind::Answered);
    stores.advance(DAY - HOUR);
    assert_eq!(rig.client().reserve(keyed("tea", "tea")).await.unwrap().get_ref().text, "tea 1");
    stores.advance(HOUR);
    let gone = async || rig.state(tea).await.is_none().then_some(());
    eventually("the record goes", gone).await;
    worker.shutdown().await;
}

pub(crate) async fn a_call_between_two_tries_is_cancelled(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let mut busy = Status::unavailable("busy");
    busy.metadata_mut().insert("grpc-retry-pushback-ms", "3600000".parse().unwrap());
    rig.callee.plan("tea", [Step::Refuse(busy)]);
    let mut client = rig.client();
    let caller = tokio::spawn(async move { client.reserve(keyed("tea", "k")).await });
    let waiting = eventually("the call waits for its next try", async || {
        let view = rig.calls.lookup_key(LANE, RESERVE, "k").await.unwrap()?;
        (view.attempts == 1 && view.state == CallState::Waiting).then_some(view)
    })
    .await;
    assert_eq!(rig.calls.stats().await.unwrap()[0].later, 1);

    let cancelled = rig.calls.cancel(waiting.id).await.unwrap();

    assert_eq!(cancelled, Cancelled::Removed { may_have_executed: true });
    let status = caller.await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Cancelled);
    assert_eq!(outcome(&status), Some(Outcome::Unknown), "the callee has seen it");
    assert_eq!(rig.calls.stats().await.unwrap()[0].later, 0);
    // Its time comes without it.
    stores.advance(HOUR);
    rig.client().reserve(order("next")).await.unwrap();
    assert_eq!(rig.callee.count("tea"), 1);
    worker.shutdown().await;
}

pub(crate) async fn a_later_call_is_cancelled(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let mut call = raw(RESERVE, "tea");
    call.not_before = Some(stores.now() + HOUR);
    let id = rig.calls.submit_raw(call).await.unwrap();
    assert_eq!(rig.calls.stats().await.unwrap()[0].later, 1);

    let cancelled = rig.calls.cancel(id).await.unwrap();

    assert_eq!(cancelled, Cancelled::Removed { may_have_executed: false });
    let stats = rig.calls.stats().await.unwrap().remove(0);
    assert_eq!((stats.ready, stats.later, stats.waiting_bytes), (0, 0, 0));
    stores.advance(HOUR);
    let worker = rig.worker();
    rig.client().reserve(order("next")).await.unwrap();
    assert_eq!(rig.callee.count("tea"), 0);
    worker.shutdown().await;
}

pub(crate) async fn what_ran_before_is_not_denied(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    for name in ["again", "replayed"] {
        rig.callee.plan(name, [Step::Refuse(Status::unavailable("closed"))]);
        let mut request = keyed(name, name);
        request.durable().max_attempts(1);
        rig.client().reserve(request).await.unwrap_err();
    }
    worker.shutdown().await;
    let id = async |name: &str| {
        rig.calls.lookup_key(LANE, RESERVE, name).await.unwrap().expect("it died").id
    };
    let (again, replayed) = (id("again").await, id("replayed").await);

    // Both wait again, and have not been tried in this run.
    let mut call = raw(RESERVE, "again");
    call.key = Some("again".to_owned());
    assert_eq!(rig.calls.submit_raw(call).await.unwrap(), again);
    assert!(rig.calls.replay(replayed).await.unwrap());

    for id in [again, replayed] {
        let cancelled = rig.calls.cancel(id).await.unwrap();
        assert_eq!(cancelled, Cancelled::Removed { may_have_executed: true });
    }
}
