//! Dead letters, retention, restarts, shutdown.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use async_trait::async_trait;
use durable_grpc::{
    CallId, CallStore, Cancelled, DeadLetter, DeadLetterFilter, LaneStats, Outcome,
    RequestExt as _, StoreError, call_id, end_kind, outcome,
    store::{
        Backlog, CallState, CallView, Claim, EndKind, Finish, Hints, LEASE, NewCall, Owner,
        Receipt, Recorded, Submitted, TargetHealth,
    },
};
use tonic::{Code, Status};

use crate::{
    callee::{Callee, Step},
    harness::{CHARGE, LANE, RESERVE, Rig, Stores, eventually, keyed, order, raw},
    shop,
};

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

/// A store whose hints never arrive.
struct Mute(Arc<dyn CallStore>);

#[async_trait]
impl CallStore for Mute {
    async fn submit(&self, calls: Vec<NewCall>) -> Vec<Result<Submitted, StoreError>> {
        self.0.submit(calls).await
    }
    async fn claim(
        &self,
        owner: Owner,
        lane: &str,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Claim>, StoreError> {
        self.0.claim(owner, lane, limit, wait).await
    }
    async fn started(&self, receipts: Vec<Receipt>) -> Vec<Result<Recorded, StoreError>> {
        self.0.started(receipts).await
    }
    async fn finish(&self, items: Vec<Finish>) -> Vec<Result<Recorded, StoreError>> {
        self.0.finish(items).await
    }
    async fn heartbeat(
        &self,
        owner: Owner,
        lanes: &[(Arc<str>, TargetHealth)],
    ) -> Result<(), StoreError> {
        self.0.heartbeat(owner, lanes).await
    }
    async fn takeover(&self) -> Result<usize, StoreError> {
        self.0.takeover().await
    }
    async fn release(&self, owner: Owner) -> Result<usize, StoreError> {
        self.0.release(owner).await
    }
    async fn lookup(&self, ids: Vec<CallId>) -> Result<Vec<Option<CallView>>, StoreError> {
        self.0.lookup(ids).await
    }
    async fn lookup_key(
        &self,
        lane: &str,
        method: &str,
        key: &str,
    ) -> Result<Option<CallView>, StoreError> {
        self.0.lookup_key(lane, method, key).await
    }
    async fn cancel(&self, id: CallId) -> Result<Cancelled, StoreError> {
        self.0.cancel(id).await
    }
    async fn dead_letters(&self, filter: DeadLetterFilter) -> Result<Vec<DeadLetter>, StoreError> {
        self.0.dead_letters(filter).await
    }
    async fn replay(&self, id: CallId) -> Result<bool, StoreError> {
        self.0.replay(id).await
    }
    async fn discard(&self, id: CallId) -> Result<bool, StoreError> {
        self.0.discard(id).await
    }
    async fn stats(&self) -> Result<Vec<LaneStats>, StoreError> {
        self.0.stats().await
    }
    async fn backlog(&self, lane: &str) -> Result<Backlog, StoreError> {
        self.0.backlog(lane).await
    }
    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        self.0.sweep(limit).await
    }
    fn watch(&self, _: Weak<dyn Hints>) {}
}

pub(crate) async fn a_waiter_survives_without_any_hint(stores: impl Stores) {
    let rig = Rig::over(Arc::new(Mute(stores.open().await)), Callee::default());
    let worker = rig.worker();
    let reply = rig.client().reserve(order("tea")).await.unwrap();
    assert_eq!(reply.get_ref().text, "tea 1");
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
