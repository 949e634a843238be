//! Dead letters, retention, restarts, shutdown.

use std::{
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use async_trait::async_trait;
use durable_grpc::{
    CALL_ID, CallId, CallStore, Cancelled, DeadLetterFilter, Outcome, RequestExt as _, StoreError,
    Target, Worker, call_id, end_kind, outcome,
    store::{CallState, EndKind, Hints, LEASE, NewCall, Receipt, Recorded, Submitted},
};
use tonic::{Code, Request, Status};

use crate::{
    callee::{Callee, Step},
    harness::{CHARGE, LANE, RESERVE, Rig, Stores, eventually, keyed, order, raw},
    layer::{Layer, Layered},
    shop,
};

/// A rig with a layer between the library and the store.
async fn over(stores: &impl Stores, layer: impl Layer, callee: Callee) -> Rig {
    Rig::over(Arc::new(Layered { store: stores.open().await, layer }), callee)
}

/// Makes a dead letter out of an order.
async fn die(rig: &Rig, name: &str, key: &str) -> CallId {
    rig.callee.plan(name, [Step::Refuse(Status::unavailable("closed"))]);
    let mut request = keyed(name, key);
    request.durable().max_attempts(1);
    let status = rig.client().reserve(request).await.unwrap_err();
    assert_eq!(end_kind(&status), Some(EndKind::Dead));
    call_id(&status).unwrap()
}

pub(crate) async fn dead_letters_are_listed_by_lane_and_page(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(die(&rig, name, name).await);
    }
    let list = async |filter: DeadLetterFilter| -> Vec<CallId> {
        let found = rig.calls.dead_letters(filter).await.unwrap();
        found.into_iter().map(|letter| letter.call.id).collect()
    };

    assert_eq!(list(DeadLetterFilter::default()).await, ids);
    let first = DeadLetterFilter { limit: 2, ..Default::default() };
    assert_eq!(list(first).await, ids[..2]);
    let second = DeadLetterFilter { after: Some(ids[1]), ..Default::default() };
    assert_eq!(list(second).await, ids[2..]);
    let lane = |lane: &str| DeadLetterFilter { lane: Some(lane.to_owned()), ..Default::default() };
    assert_eq!(list(lane(LANE)).await, ids);
    assert!(list(lane("other")).await.is_empty());
    let letter = rig.calls.dead_letters(DeadLetterFilter::default()).await.unwrap().remove(0);
    let order: shop::Order = prost::Message::decode(letter.payload).unwrap();
    assert_eq!((order.name.as_str(), letter.call.key.as_deref()), ("a", Some("a")));
    assert_eq!((&*letter.call.lane, &*letter.call.method), (LANE, RESERVE));
    worker.shutdown().await;
}

pub(crate) async fn an_operator_replays_and_discards(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let (replayed, discarded) = (die(&rig, "a", "a").await, die(&rig, "b", "b").await);

    assert!(rig.calls.replay(replayed).await.unwrap());
    assert!(rig.calls.discard(discarded).await.unwrap());

    let reply = rig.calls.outcome::<shop::Receipt>(replayed).await.unwrap();
    assert_eq!(reply.get_ref().text, "a 2");
    // A late resubmission does not run what an operator has dealt with.
    let status = rig.client().reserve(keyed("b", "b")).await.unwrap_err();
    assert_eq!((status.code(), end_kind(&status)), (Code::Aborted, Some(EndKind::Discarded)));
    assert_eq!(rig.callee.count("b"), 1);
    assert!(rig.calls.dead_letters(DeadLetterFilter::default()).await.unwrap().is_empty());
    for id in [replayed, discarded, CallId::generate()] {
        assert!(!rig.calls.replay(id).await.unwrap());
        assert!(!rig.calls.discard(id).await.unwrap());
    }
    worker.shutdown().await;
}

pub(crate) async fn an_ambiguous_call_stays_so_until_it_is_replayed(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    rig.callee.plan("tea", [Step::Panic]);
    let status = rig.client().charge(keyed("tea", "k")).await.unwrap_err();
    let id = call_id(&status).unwrap();
    for _ in 0..3 {
        let status = rig.client().charge(keyed("tea", "k")).await.unwrap_err();
        assert_eq!(end_kind(&status), Some(EndKind::Ambiguous));
        assert_eq!(call_id(&status), Some(id));
    }
    assert_eq!(rig.callee.count("tea"), 1);

    assert!(rig.calls.replay(id).await.unwrap());

    assert_eq!(rig.client().charge(keyed("tea", "k")).await.unwrap().get_ref().text, "tea 2");
    worker.shutdown().await;
}

pub(crate) async fn retention_lets_go_in_time(stores: impl Stores) {
    let store = stores.open().await;
    let rig = Rig::over(store.clone(), Callee::default());
    let worker = rig.worker();
    let id_of = |reply: tonic::Response<shop::Receipt>| -> CallId {
        reply.metadata().get(durable_grpc::CALL_ID).unwrap().to_str().unwrap().parse().unwrap()
    };
    let unkeyed = id_of(rig.client().reserve(order("unkeyed")).await.unwrap());
    let keyed_call = id_of(rig.client().reserve(keyed("keyed", "k")).await.unwrap());
    let dead = die(&rig, "dead", "d").await;
    // Until it is swept, an unkeyed answer serves whoever attaches by its id.
    rig.calls.outcome::<shop::Receipt>(unkeyed).await.unwrap();
    let gone = async |id| {
        eventually("the record goes", async || rig.state(id).await.is_none().then_some(())).await;
    };

    stores.advance(Duration::from_secs(61));
    gone(unkeyed).await;
    assert_eq!(rig.client().reserve(keyed("keyed", "k")).await.unwrap().get_ref().text, "keyed 1");

    stores.advance(Duration::from_hours(24));
    gone(keyed_call).await;
    assert!(rig.calls.lookup_key(LANE, RESERVE, "k").await.unwrap().is_none());
    // The key has gone with its record: from now on it names another call.
    assert_eq!(rig.client().reserve(keyed("keyed", "k")).await.unwrap().get_ref().text, "keyed 2");

    stores.advance(Duration::from_hours(24 * 365));
    store.sweep(1000).await.unwrap();
    assert!(matches!(rig.state(dead).await, Some(CallState::Ended(_))), "until it is handled");
    worker.shutdown().await;
}

pub(crate) async fn whoever_dies_mid_flight_finds_everything_again(stores: impl Stores) {
    const CALLS: usize = 40;
    let callee = Callee::default();
    {
        let rig = Rig::over(stores.open().await, callee.clone());
        let worker = rig.worker();
        for number in 0..CALLS {
            let name = format!("order-{number}");
            // Some run when the process dies, some have been answered, some were never tried.
            match number % 4 {
                0 => callee.plan(&name, [Step::Hang]),
                1 => callee.plan(&name, vec![Step::Refuse(Status::unavailable("busy")); 3]),
                _ => {}
            }
            let mut call = raw(RESERVE, &name);
            call.key = Some(name.clone());
            rig.calls.submit_raw(call).await.unwrap();
        }
        rig.reached("order-0", 1).await;
        // As abrupt as it can be within one process: nothing is finished, nothing is given back.
        drop(worker);
    }
    let rig = Rig::over(stores.open().await, callee.clone());
    stores.advance(LEASE);
    let worker = rig.worker();
    for number in 0..CALLS {
        let name = format!("order-{number}");
        let reply = rig.client().reserve(keyed(&name, &name)).await.unwrap();
        assert!(reply.get_ref().text.starts_with(&name));
        let executed = callee.count(&name);
        let replayed = rig.client().reserve(keyed(&name, &name)).await.unwrap();
        assert_eq!(reply.get_ref(), replayed.get_ref());
        assert_eq!(callee.count(&name), executed);
    }
    assert!(rig.calls.dead_letters(DeadLetterFilter::default()).await.unwrap().is_empty());
    worker.shutdown().await;
}

pub(crate) async fn a_started_call_is_ambiguous_after_a_restart(stores: impl Stores) {
    let callee = Callee::default();
    let (running, waiting);
    {
        let rig = Rig::over(stores.open().await, callee.clone());
        let worker = rig.worker();
        callee.plan("running", [Step::Hang]);
        running = rig.calls.submit_raw(raw(CHARGE, "running")).await.unwrap();
        rig.reached("running", 1).await;
        drop(worker);
        waiting = rig.calls.submit_raw(raw(CHARGE, "waiting")).await.unwrap();
    }
    let rig = Rig::over(stores.open().await, callee);
    // Where other processes may live, a claim is lost only when its owner has been silent.
    stores.advance(LEASE);
    assert_eq!(rig.ended(running).await, EndKind::Ambiguous);
    let worker = rig.worker();
    // What had not been sent is sent; what had been is not sent again.
    rig.reached("waiting", 1).await;
    assert_ne!(running, waiting);
    assert_eq!(rig.callee.count("running"), 1);
    let status = rig.calls.outcome::<shop::Receipt>(running).await.unwrap_err();
    assert_eq!(outcome(&status), Some(Outcome::Unknown));
    worker.shutdown().await;
}

pub(crate) async fn a_graceful_shutdown_finishes_what_runs(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let release = rig.callee.hold("tea");
    let mut call = raw(RESERVE, "tea");
    call.key = Some("k".to_owned());
    let id = rig.calls.submit_raw(call).await.unwrap();
    rig.reached("tea", 1).await;
    release.notify_one();
    worker.shutdown().await;
    let Some(CallState::Ended(ended)) = rig.state(id).await else { panic!("it was finished") };
    assert_eq!(ended.kind, EndKind::Answered);
    // Nobody works any more.
    rig.calls.submit_raw(raw(RESERVE, "next")).await.unwrap();
    assert_eq!(rig.calls.stats().await.unwrap()[0].ready, 1);
}

pub(crate) async fn abandoned_attempts_go_back_to_their_lane(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    rig.callee.plan("often", [Step::Hang]);
    rig.callee.plan("once", [Step::Hang]);
    let mut call = raw(RESERVE, "often");
    call.key = Some("k".to_owned());
    let often = rig.calls.submit_raw(call).await.unwrap();
    let once = rig.calls.submit_raw(raw(CHARGE, "once")).await.unwrap();
    rig.reached("often", 1).await;
    rig.reached("once", 1).await;

    // The grace of the rig is short, and neither attempt ends by itself.
    worker.shutdown().await;

    assert_eq!(rig.state(often).await, Some(CallState::Waiting));
    assert_eq!(rig.ended(once).await, EndKind::Ambiguous);
    let worker = rig.worker();
    assert_eq!(rig.ended(often).await, EndKind::Answered);
    let view = rig.calls.lookup(often).await.unwrap().unwrap();
    assert_eq!((view.attempts, view.lost), (1, 1), "lost attempts are counted apart");
    worker.shutdown().await;
}

/// No restart and nobody's help: housekeeping notices.
pub(crate) async fn what_a_lost_worker_held_is_taken_over_while_others_work(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let never = rig.callee.hold("tea");
    let mut call = raw(RESERVE, "tea");
    call.key = Some("k".to_owned());
    let id = rig.calls.submit_raw(call).await.unwrap();
    rig.reached("tea", 1).await;
    drop(worker);
    let worker = rig.worker();
    assert_eq!(rig.state(id).await, Some(CallState::Running), "its lease has not lapsed");

    stores.advance(LEASE);

    assert_eq!(rig.ended(id).await, EndKind::Answered);
    let view = rig.calls.lookup(id).await.unwrap().unwrap();
    assert_eq!((view.attempts, view.lost), (1, 1));
    assert_eq!(rig.callee.count("tea"), 2);
    worker.shutdown().await;
    drop(never);
}

pub(crate) async fn a_cancelled_call_of_a_lost_worker_does_not_run_again(stores: impl Stores) {
    let store = stores.open().await;
    let lost = Rig::over(store.clone(), Callee::default());
    let worker = lost.worker();
    lost.callee.plan("tea", [Step::Hang]);
    let mut call = raw(RESERVE, "tea");
    call.key = Some("k".to_owned());
    let id = lost.calls.submit_raw(call).await.unwrap();
    lost.reached("tea", 1).await;
    drop(worker);
    assert_eq!(lost.calls.cancel(id).await.unwrap(), Cancelled::Signalled);

    stores.advance(LEASE);
    // Elsewhere nobody has heard of the cancellation but the store.
    let rig = Rig::over(store, lost.callee.clone());
    let worker = rig.worker();

    assert_eq!(rig.ended(id).await, EndKind::Cancelled);
    let status = rig.calls.outcome::<shop::Receipt>(id).await.unwrap_err();
    assert_eq!(outcome(&status), Some(Outcome::Unknown), "it may have executed");
    // A call behind it is executed; the cancelled one is not executed again.
    rig.client().reserve(order("next")).await.unwrap();
    assert_eq!(rig.callee.count("tea"), 1);
    let stats = rig.calls.stats().await.unwrap().remove(0);
    assert_eq!((stats.ready, stats.later, stats.running, stats.waiting_bytes), (0, 0, 0, 0));
    worker.shutdown().await;
}

/// Hints never arrive.
struct Mute;

impl Layer for Mute {
    fn watch(&self, _: &dyn CallStore, _: Weak<dyn Hints>) {}
}

pub(crate) async fn a_waiter_survives_without_any_hint(stores: impl Stores) {
    let rig = over(&stores, Mute, Callee::default()).await;
    let worker = rig.worker();
    let reply = rig.client().reserve(order("tea")).await.unwrap();
    assert_eq!(reply.get_ref().text, "tea 1");
    worker.shutdown().await;
}

pub(crate) async fn many_waiters_survive_without_any_hint(stores: impl Stores) {
    let rig = over(&stores, Mute, Callee::default()).await;
    let worker = rig.worker();
    // More than one lookup names.
    let callers = (0..300).map(|_| {
        let mut client = rig.client();
        async move { client.reserve(order("tea")).await }
    });
    let replies = futures::future::join_all(callers).await;
    assert_eq!(replies.iter().filter(|reply| reply.is_ok()).count(), 300);
    assert_eq!(rig.callee.count("tea"), 300);
    worker.shutdown().await;
}

/// What the store says of a mark, once or always, and how many orders had reached the till by then.
struct Marks {
    instead: Mutex<Vec<Result<Recorded, StoreError>>>,
    callee: Callee,
    reached: Arc<Mutex<Vec<usize>>>,
}

#[async_trait]
impl Layer for Marks {
    async fn started(
        &self,
        store: &dyn CallStore,
        receipts: Vec<Receipt>,
    ) -> Vec<Result<Recorded, StoreError>> {
        self.reached.lock().unwrap().push(self.callee.count("tea"));
        let instead = self.instead.lock().unwrap().pop();
        match instead {
            Some(instead) => vec![instead; receipts.len()],
            None => store.started(receipts).await,
        }
    }
}

pub(crate) async fn a_call_is_sent_only_once_it_is_marked(stores: impl Stores) {
    let (callee, reached) = (Callee::default(), Arc::default());
    let away = Err(StoreError::NotWritten("not connected".to_owned()));
    let layer = Marks {
        instead: Mutex::new(vec![away]),
        callee: callee.clone(),
        reached: Arc::clone(&reached),
    };
    let rig = over(&stores, layer, callee).await;
    let worker = rig.worker();

    let reply = rig.client().charge(order("tea")).await.unwrap();

    assert_eq!(reply.get_ref().text, "tea 1");
    assert_eq!(*reached.lock().unwrap(), [0, 0], "it is marked before it is sent");
    worker.shutdown().await;
}

pub(crate) async fn a_call_that_somebody_else_holds_is_not_sent(stores: impl Stores) {
    let (callee, reached) = (Callee::default(), Arc::default());
    let layer = Marks {
        instead: Mutex::new(vec![Ok(Recorded::Fenced)]),
        callee: callee.clone(),
        reached: Arc::clone(&reached),
    };
    let rig = over(&stores, layer, callee).await;
    let worker = rig.worker();
    rig.calls.submit_raw(raw(CHARGE, "tea")).await.unwrap();
    eventually("it is to be marked", async || (!reached.lock().unwrap().is_empty()).then_some(()))
        .await;

    // Whatever the worker does with its claims is done by then.
    worker.shutdown().await;

    assert_eq!(rig.callee.count("tea"), 0);
}

/// What becomes of a submission is never heard.
struct Unheard {
    submits: bool,
}

#[async_trait]
impl Layer for Unheard {
    async fn submit(
        &self,
        store: &dyn CallStore,
        calls: Vec<NewCall>,
    ) -> Vec<Result<Submitted, StoreError>> {
        if !self.submits {
            return std::future::pending().await;
        }
        let lost = || Err(StoreError::Uncertain("connection lost".to_owned()));
        store.submit(calls).await.into_iter().map(|_| lost()).collect()
    }
}

pub(crate) async fn a_submission_whose_answer_is_lost_may_be_executed(stores: impl Stores) {
    let rig = over(&stores, Unheard { submits: true }, Callee::default()).await;
    let worker = rig.worker();

    let status = rig.client().reserve(order("tea")).await.unwrap_err();

    assert_eq!((status.code(), outcome(&status)), (Code::Unavailable, Some(Outcome::Unknown)));
    rig.reached("tea", 1).await;
    let seen = rig.callee.seen("tea").remove(0);
    let id = call_id(&status).unwrap();
    assert_eq!(*seen.metadata.get(CALL_ID).unwrap(), *id.to_string(), "it can be asked for");
    assert_eq!(rig.calls.outcome::<shop::Receipt>(id).await.unwrap().get_ref().text, "tea 1");
    worker.shutdown().await;
}

pub(crate) async fn a_submission_that_takes_too_long_may_be_executed(stores: impl Stores) {
    let rig = over(&stores, Unheard { submits: false }, Callee::default()).await;
    // Under a key it may be another call, and nobody has said which.
    for (mut request, has_id) in [(Request::new(order("tea")), true), (keyed("tea", "k"), false)] {
        request.durable().deadline(Duration::from_millis(20));
        let status = rig.client().reserve(request).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert_eq!(outcome(&status), Some(Outcome::Unknown));
        assert_eq!(call_id(&status).is_some(), has_id);
    }
}

pub(crate) async fn a_lane_executes_as_many_calls_as_it_has_slots(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let names: Vec<_> = (0..5).map(|number| format!("order-{number}")).collect();
    let releases: Vec<_> = names.iter().map(|name| rig.callee.hold(name)).collect();
    for name in &names {
        rig.calls.submit_raw(raw(RESERVE, name)).await.unwrap();
    }
    let target = Target::in_process(rig.callee.routes());
    let worker = Worker::builder(&rig.calls).lane(LANE, target).slots(2).spawn();
    let reached = || -> Vec<usize> {
        (0..names.len()).filter(|index| rig.callee.count(&names[*index]) > 0).collect()
    };
    let stand = async |wanted: usize| {
        eventually("calls reach the till", async || (reached().len() >= wanted).then_some(()))
            .await;
        let stats = rig.calls.stats().await.unwrap().remove(0);
        (reached().len(), stats.running, stats.ready)
    };

    assert_eq!(stand(2).await, (2, 2, 3));
    releases[reached()[0]].notify_one();
    assert_eq!(stand(3).await, (3, 2, 2));

    for release in releases {
        release.notify_one();
    }
    for name in &names {
        rig.reached(name, 1).await;
    }
    worker.shutdown().await;
}

pub(crate) async fn stats_tell_how_a_lane_stands(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let mut later = raw(RESERVE, "later");
    later.not_before = Some(stores.now() + Duration::from_hours(1));
    rig.calls.submit_raw(later).await.unwrap();
    rig.calls.submit_raw(raw(RESERVE, "tea")).await.unwrap();
    let stats = rig.calls.stats().await.unwrap().remove(0);
    assert_eq!((stats.lane.as_str(), stats.ready, stats.later, stats.running), (LANE, 1, 1, 0));
    let bytes =
        prost::Message::encoded_len(&order("tea")) + prost::Message::encoded_len(&order("later"));
    assert_eq!(stats.waiting_bytes, bytes as u64);
    assert!(stats.oldest_ready.is_some());

    let worker = rig.worker();
    die(&rig, "dead", "d").await;
    let stats = rig.calls.stats().await.unwrap().remove(0);
    assert_eq!((stats.ready, stats.later, stats.dead, stats.answered), (0, 1, 1, 1));
    worker.shutdown().await;
}
