//! The store by itself: claims, fences, batches.

use std::{collections::HashSet, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use durable_grpc::{
    CallId, CallStore,
    store::{
        CallState, Cancelled, Claim, Disposition, EndKind, Ended, Finish, HEALTH_FRESH, NewCall,
        Owner, Policy, Receipt, Recorded, StoredAnswer, Submitted, TargetHealth,
    },
};
use futures::future::{Either, join_all, select};
use http::{HeaderMap, HeaderValue};

use crate::harness::{LANE, RESERVE, Stores};

const NOW: Duration = Duration::ZERO;

fn new_call(key: Option<&str>, payload: &'static [u8]) -> NewCall {
    NewCall {
        id: CallId::generate(),
        lane: LANE.into(),
        method: RESERVE.into(),
        key: key.map(Into::into),
        hash: [payload.first().copied().unwrap_or_default(); 32],
        metadata: HeaderMap::new(),
        payload: Bytes::from_static(payload),
        policy: Policy {
            idempotent: true,
            detached: false,
            attempt_timeout: Duration::from_secs(10),
            expires_in: Duration::from_mins(1),
            max_attempts: None,
        },
        not_before: None,
    }
}

async fn submit_one(store: &dyn CallStore, call: NewCall) -> Submitted {
    store.submit(vec![call]).await.remove(0).unwrap()
}

async fn claim_one(store: &dyn CallStore, owner: Owner) -> Claim {
    let wait = Duration::from_secs(10);
    store.claim(owner, LANE, 1, wait).await.unwrap().pop().expect("a call is due")
}

fn answered(receipt: &Receipt) -> Finish {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let answer = StoredAnswer {
        headers: HeaderMap::new(),
        message: Some(Bytes::from_static(b"done")),
        trailers,
    };
    let ended = Ended {
        kind: EndKind::Answered,
        answer: Some(answer),
        reason: String::new(),
        may_have_executed: true,
    };
    let disposition = Disposition::End { ended: Arc::new(ended), sent: true };
    Finish { receipt: receipt.clone(), disposition }
}

async fn finish_one(store: &dyn CallStore, finish: Finish) -> Recorded {
    store.finish(vec![finish]).await.remove(0).unwrap()
}

pub(crate) async fn only_the_holder_of_a_claim_is_heard(stores: impl Stores) {
    let store = stores.open().await;
    let (slow, quick) = (Owner::generate(), Owner::generate());
    let call = new_call(None, b"x");
    let id = call.id;
    submit_one(&*store, call).await;
    let lost = claim_one(&*store, slow).await;
    assert_eq!(store.release(slow).await.unwrap(), 1);
    let held = claim_one(&*store, quick).await;
    assert_eq!(held.receipt.id, id);
    assert_eq!(held.call.lost, 1);
    assert_ne!(lost.receipt.delivery, held.receipt.delivery);

    // Whatever the slow one says now, it says in vain.
    let retry = Disposition::Retry { after: NOW, sent: true };
    let late = Finish { receipt: lost.receipt.clone(), disposition: retry };
    assert_eq!(finish_one(&*store, answered(&lost.receipt)).await, Recorded::Fenced);
    assert_eq!(finish_one(&*store, late).await, Recorded::Fenced);
    let started = store.started(vec![lost.receipt.clone()]).await.remove(0).unwrap();
    assert_eq!(started, Recorded::Fenced);
    // Even under the right delivery: it is another owner.
    let forged = Receipt { owner: slow, ..held.receipt.clone() };
    assert_eq!(finish_one(&*store, answered(&forged)).await, Recorded::Fenced);
    let view = store.lookup(vec![id]).await.unwrap().remove(0).unwrap();
    assert_eq!(view.state, CallState::Running);

    assert_eq!(finish_one(&*store, answered(&held.receipt)).await, Recorded::Done);
    assert_eq!(finish_one(&*store, answered(&held.receipt)).await, Recorded::Fenced);
}

pub(crate) async fn a_batch_has_a_result_for_each_item(stores: impl Stores) {
    let store = stores.open().await;
    let first = new_call(Some("a"), b"x");
    let id = first.id;
    let batch =
        vec![first, new_call(Some("a"), b"x"), new_call(Some("a"), b"y"), new_call(None, b"z")];
    let free = batch[3].id;

    let results: Vec<_> = store.submit(batch).await.into_iter().map(Result::unwrap).collect();

    let expected = [
        Submitted::Accepted(id),
        Submitted::Attached(id),
        Submitted::Mismatch(id),
        Submitted::Accepted(free),
    ];
    assert_eq!(results, expected);
    let owner = Owner::generate();
    let claims = store.claim(owner, LANE, 10, NOW).await.unwrap();
    assert_eq!(claims.len(), 2);
    let unknown = Receipt { id: CallId::generate(), ..claims[0].receipt.clone() };
    let finishes = vec![answered(&claims[1].receipt), answered(&unknown)];
    let results: Vec<_> = store.finish(finishes).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(results, [Recorded::Done, Recorded::Fenced]);
}

pub(crate) async fn no_call_is_handed_out_twice(stores: impl Stores) {
    const CALLS: usize = 400;
    let store = stores.open().await;
    for _ in 0..CALLS / 40 {
        let batch = (0..40).map(|_| new_call(None, b"x")).collect();
        assert!(store.submit(batch).await.iter().all(Result::is_ok));
    }
    let workers = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let owner = Owner::generate();
            let mut claimed = Vec::new();
            loop {
                let claims = store.claim(owner, LANE, 7, NOW).await.unwrap();
                if claims.is_empty() {
                    return claimed;
                }
                claimed.extend(claims.into_iter().map(|claim| claim.receipt.id));
                tokio::task::yield_now().await;
            }
        })
    });
    let claimed: Vec<_> =
        join_all(workers).await.into_iter().flat_map(|claimed| claimed.unwrap()).collect();
    assert_eq!(claimed.len(), CALLS);
    assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), CALLS);
}

pub(crate) async fn claims_of_the_silent_are_taken_over(stores: impl Stores) {
    let store = stores.open().await;
    let (alive, silent) = (Owner::generate(), Owner::generate());
    let mut once = new_call(None, b"y");
    once.policy.idempotent = false;
    let sent = once.id;
    submit_one(&*store, once).await;
    let started = claim_one(&*store, silent).await;
    store.started(vec![started.receipt.clone()]).await.remove(0).unwrap();
    for _ in 0..2 {
        submit_one(&*store, new_call(None, b"x")).await;
    }
    let kept = claim_one(&*store, alive).await;
    let lost = claim_one(&*store, silent).await;
    assert_eq!(store.takeover().await.unwrap(), 0, "both are alive");
    stores.advance(Duration::from_secs(16));
    store.heartbeat(alive, &[]).await.unwrap();

    assert_eq!(store.takeover().await.unwrap(), 2);

    let again = claim_one(&*store, alive).await;
    assert_eq!((again.receipt.id, again.call.lost), (lost.receipt.id, 1));
    assert_eq!(finish_one(&*store, answered(&lost.receipt)).await, Recorded::Fenced);
    assert_eq!(finish_one(&*store, answered(&kept.receipt)).await, Recorded::Done);
    let view = store.lookup(vec![sent]).await.unwrap().remove(0).unwrap();
    let CallState::Ended(ended) = view.state else { panic!("it had been sent") };
    assert_eq!(ended.kind, EndKind::Ambiguous);
}

pub(crate) async fn a_claim_waits_for_work(stores: impl Stores) {
    let store = stores.open().await;
    let waiting = {
        let store = store.clone();
        tokio::spawn(async move { claim_one(&*store, Owner::generate()).await })
    };
    let call = new_call(None, b"x");
    let id = call.id;
    submit_one(&*store, call).await;
    assert_eq!(waiting.await.unwrap().receipt.id, id);
    assert!(store.claim(Owner::generate(), LANE, 5, NOW).await.unwrap().is_empty());
}

pub(crate) async fn a_cancelled_call_is_not_tried_again(stores: impl Stores) {
    let store = stores.open().await;
    let owner = Owner::generate();
    let call = new_call(Some("k"), b"x");
    let id = call.id;
    submit_one(&*store, call).await;
    let held = claim_one(&*store, owner).await;
    assert_eq!(store.cancel(id).await.unwrap(), Cancelled::Signalled);
    assert_eq!(store.cancel(id).await.unwrap(), Cancelled::Signalled, "it still runs");

    // The attempt was over before the signal reached it.
    let retry = Disposition::Retry { after: NOW, sent: true };
    let finish = Finish { receipt: held.receipt, disposition: retry };
    assert_eq!(finish_one(&*store, finish).await, Recorded::Done);

    let view = store.lookup(vec![id]).await.unwrap().remove(0).unwrap();
    assert_eq!(view.state, CallState::Ended(Arc::new(Ended::cancelled(true))));
    assert!(store.claim(owner, LANE, 1, NOW).await.unwrap().is_empty());
    let stats = store.stats().await.unwrap().remove(0);
    assert_eq!((stats.ready, stats.later, stats.running, stats.waiting_bytes), (0, 0, 0, 0));
    assert_eq!(store.cancel(id).await.unwrap(), Cancelled::AlreadyEnded);
}

pub(crate) async fn a_report_is_believed_for_two_beats(stores: impl Stores) {
    let store = stores.open().await;
    let reported = async || store.backlog(LANE).await.unwrap().workers;
    assert_eq!(reported().await, []);
    store.heartbeat(Owner::generate(), &[(LANE.into(), TargetHealth::Up)]).await.unwrap();
    assert_eq!(reported().await, [TargetHealth::Up]);
    // A real server's clock goes on by itself: what is left is for a slow machine.
    let left = Duration::from_secs(3);
    stores.advance(HEALTH_FRESH - left);
    assert_eq!(reported().await, [TargetHealth::Up]);
    stores.advance(left);
    assert_eq!(reported().await, []);
}

pub(crate) async fn large_batches_keep_their_order(stores: impl Stores) {
    const CALLS: usize = 300;
    let store = stores.open().await;
    let mut batch: Vec<_> = (0..CALLS).map(|_| new_call(None, b"x")).collect();
    for place in [0, 150, 299] {
        batch[place].payload = vec![7; 600 * 1024].into();
    }
    let expected: Vec<_> = batch.iter().map(|call| Ok(Submitted::Accepted(call.id))).collect();

    assert_eq!(store.submit(batch).await, expected);

    let owner = Owner::generate();
    let mut finishes = Vec::new();
    while finishes.len() < CALLS {
        let claims = store.claim(owner, LANE, 128, Duration::from_secs(10)).await.unwrap();
        assert!(!claims.is_empty(), "only {} calls are due", finishes.len());
        finishes.extend(claims.iter().map(|claim| answered(&claim.receipt)));
    }
    // One that is nobody's, in the midst of them: each result is that of its own item.
    let unknown = Receipt { id: CallId::generate(), ..finishes[200].receipt.clone() };
    finishes.insert(200, answered(&unknown));
    let results = store.finish(finishes).await;
    let fenced: Vec<_> =
        (0..results.len()).filter(|place| results[*place] != Ok(Recorded::Done)).collect();
    assert_eq!((results.len(), fenced), (CALLS + 1, vec![200]));
    assert_eq!(results[200], Ok(Recorded::Fenced));
}

pub(crate) async fn a_claim_that_waits_holds_nobody_up(stores: impl Stores) {
    let store = stores.open().await;
    // Longer than what a client of a server takes for a lost answer by default.
    let wait = Duration::from_millis(1200);
    let claim = store.claim(Owner::generate(), LANE, 1, wait);
    let mut call = new_call(None, b"x");
    call.lane = "other".into();
    let id = call.id;
    let submit = pin!(submit_one(&*store, call));

    let Either::Right((submitted, claim)) = select(claim, submit).await else {
        panic!("the claim was over before the submission")
    };

    assert_eq!(submitted, Submitted::Accepted(id));
    assert!(claim.await.unwrap().is_empty());
}
