//! Callees that go away and come back, lanes that are full, and what their callers hear.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use durable_grpc::{
    BreakerOptions, CALL_ID, CallId, DeadLetterFilter, LaneLimits, Outcome, Relay, RequestExt as _,
    Target, WorkerHandle, outcome,
    store::{CallState, EndKind, TargetHealth},
};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Status, transport::Server};

use crate::{
    callee::{Callee, Step},
    harness::{CHARGE, LANE, RESERVE, Rig, Stores, eventually, keyed, order, raw},
    outbox::{Outbox, reply_text},
    shop::{Receipt, till_client::TillClient},
    targets::{endpoint, listen},
};

mod slow;

pub(crate) use self::slow::{only_the_target_is_slow, slow_calls_open_it};

const MOMENT: Duration = Duration::from_millis(20);
const HOUR: Duration = Duration::from_hours(1);
/// Enough failed attempts, as the breakers here are set.
const ENOUGH: usize = 4;

/// Breakers that open soon, and look often.
fn hasty() -> BreakerOptions {
    BreakerOptions::default()
        .min_attempts(4)
        .open(MOMENT, MOMENT * 10)
        .probe(MOMENT)
        .refresh(Duration::from_millis(5))
        .slow_percent(101)
}

/// A till in a runtime of its own: when it is dropped, its port and all its connections are gone, as
/// if its process had been killed.
struct Serving(Option<Runtime>);

impl Serving {
    /// `serves`: what its health service says, if it has one.
    async fn at(address: SocketAddr, callee: &Callee, serves: Option<bool>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut routes = callee.routes();
        if let Some(serves) = serves {
            let (reporter, service) = tonic_health::server::health_reporter();
            let status = if serves {
                tonic_health::ServingStatus::Serving
            } else {
                tonic_health::ServingStatus::NotServing
            };
            reporter.set_service_status("", status).await;
            routes = routes.add_service(service);
        }
        // Whoever had the port before may take a moment to die.
        let bind = async || std::net::TcpListener::bind(address).ok();
        let listener = eventually("the port is free", bind).await;
        listener.set_nonblocking(true).unwrap();
        runtime.spawn(async move {
            let incoming = TcpListenerStream::new(TcpListener::from_std(listener).unwrap());
            Server::builder().add_routes(routes).serve_with_incoming(incoming).await.unwrap();
        });
        Self(Some(runtime))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A port that nobody listens at.
async fn free_port() -> SocketAddr {
    listen().await.1
}

fn detached(name: &str) -> Request<crate::shop::Order> {
    let mut request = keyed(name, name);
    request.durable().detached();
    request
}

/// Detached calls, and what became of them.
async fn submit(rig: &Rig, names: &[String]) -> Vec<CallId> {
    let mut ids = Vec::new();
    for name in names {
        let reply = rig.client().reserve(detached(name)).await.unwrap();
        ids.push(reply.metadata().get(CALL_ID).unwrap().to_str().unwrap().parse().unwrap());
    }
    ids
}

fn names(prefix: &str) -> Vec<String> {
    (0..ENOUGH * 2).map(|number| format!("{prefix}-{number}")).collect()
}

/// Asks until those who wait are refused, and gives the refusal.
async fn refused(rig: &Rig) -> Status {
    eventually("those who wait are refused", async || {
        let mut request = Request::new(order("asked"));
        request.durable().deadline(MOMENT);
        let status = rig.client().reserve(request).await.err()?;
        (status.code() == Code::Unavailable).then_some(status)
    })
    .await
}

/// Asks until those who wait are answered.
async fn answered(rig: &Rig) {
    eventually("those who wait are answered", async || {
        rig.client().reserve(order("asked")).await.ok()
    })
    .await;
}

async fn unfinished(rig: &Rig) -> u64 {
    let stats = rig.calls.stats().await.unwrap();
    stats.first().map_or(0, |lane| lane.ready + lane.later + lane.running)
}

/// A rig whose lane is open because of these calls, which wait; nobody listens at the address.
async fn down(stores: &impl Stores) -> (Rig, WorkerHandle, SocketAddr, Vec<CallId>) {
    let rig = Rig::built(stores.open().await, Callee::default(), |calls| calls.breaker(hasty()));
    let address = free_port().await;
    let worker = rig.worker_at(Target::remote([endpoint(address)]));
    let ids = submit(&rig, &names("waiting")).await;
    refused(&rig).await;
    (rig, worker, address, ids)
}

pub(crate) async fn while_the_callee_is_down_waiting_is_refused_and_the_rest_waits(
    stores: impl Stores,
) {
    let rig = Rig::built(stores.open().await, Callee::default(), |calls| calls.breaker(hasty()));
    let address = free_port().await;
    let serving = Serving::at(address, &rig.callee, Some(true)).await;
    let worker = rig.worker_at(Target::remote([endpoint(address)]));
    answered(&rig).await;
    drop(serving);
    let first = submit(&rig, &names("first")).await;

    let status = refused(&rig).await;

    assert_eq!(outcome(&status), Some(Outcome::NotAccepted));
    assert_eq!(status.metadata().get("retry-after").unwrap(), "1", "rounded up");
    let pushback = status.metadata().get("grpc-retry-pushback-ms").unwrap();
    assert!((1..1000).contains(&pushback.to_str().unwrap().parse::<u64>().unwrap()));
    assert!(status.metadata().get(CALL_ID).is_none(), "there is no call");
    // What need not be answered now is accepted.
    let second = submit(&rig, &names("second")).await;
    refused(&rig).await;

    let _serving = Serving::at(address, &rig.callee, Some(true)).await;

    for id in first.into_iter().chain(second) {
        assert_eq!(rig.ended(id).await, EndKind::Answered);
    }
    answered(&rig).await;
    worker.shutdown().await;
}

pub(crate) async fn without_a_health_service_the_time_decides(stores: impl Stores) {
    let (rig, worker, address, ids) = down(&stores).await;
    let _serving = Serving::at(address, &rig.callee, None).await;
    for id in ids {
        assert_eq!(rig.ended(id).await, EndKind::Answered);
    }
    answered(&rig).await;
    worker.shutdown().await;
}

pub(crate) async fn a_quiet_lane_finds_out_by_its_next_caller(stores: impl Stores) {
    let rig = Rig::built(stores.open().await, Callee::default(), |calls| calls.breaker(hasty()));
    let address = free_port().await;
    let worker = rig.worker_at(Target::remote([endpoint(address)]));
    // Nobody but callers who wait, and all of them are gone when the callee is back.
    refused(&rig).await;
    eventually("nothing waits", async || {
        refused(&rig).await;
        (unfinished(&rig).await == 0).then_some(())
    })
    .await;

    let _serving = Serving::at(address, &rig.callee, None).await;

    answered(&rig).await;
    worker.shutdown().await;
}

pub(crate) async fn a_parked_lane_spends_no_attempts(stores: impl Stores) {
    let options = hasty().open(HOUR, HOUR);
    let rig = Rig::built(stores.open().await, Callee::default(), |calls| calls.breaker(options));
    let address = free_port().await;
    let serving = Serving::at(address, &rig.callee, Some(false)).await;
    let worker = rig.worker_at(Target::remote([endpoint(address)]));
    let overloaded = Step::Refuse(Status::resource_exhausted("too much"));
    for name in names("overloaded") {
        rig.callee.plan(&name, vec![overloaded.clone(); ENOUGH]);
    }
    let first = submit(&rig, &names("overloaded")).await;
    let status = refused(&rig).await;
    let hours = status.metadata().get("retry-after").unwrap().to_str().unwrap();
    assert!(hours.parse::<u64>().unwrap() > 1000, "{status:?}");

    let ids = submit(&rig, &names("parked")).await;
    let before = unfinished(&rig).await;
    for _ in 0..10 {
        refused(&rig).await;
    }
    assert!(unfinished(&rig).await <= before, "whoever is refused is not enqueued");
    for id in &ids {
        let view = rig.calls.lookup(*id).await.unwrap().unwrap();
        assert_eq!((view.attempts, view.state), (0, CallState::Waiting));
    }
    // Its health service says that it is well again: at once, whatever the clock says.
    drop(serving);
    let _serving = Serving::at(address, &Callee::default(), Some(true)).await;

    for id in first.into_iter().chain(ids) {
        assert_eq!(rig.ended(id).await, EndKind::Answered);
    }
    worker.shutdown().await;
}

pub(crate) async fn what_must_not_be_sent_twice_is_sent_once(stores: impl Stores) {
    let rig = Rig::built(stores.open().await, Callee::default(), |calls| calls.breaker(hasty()));
    let address = free_port().await;
    let worker = rig.worker_at(Target::remote([endpoint(address)]));
    let names = names("charge");
    for name in &names {
        let mut call = raw(CHARGE, name);
        call.key = Some(name.clone());
        rig.calls.submit_raw(call).await.unwrap();
    }
    refused(&rig).await;

    let _serving = Serving::at(address, &rig.callee, None).await;

    for name in &names {
        let mut call = raw(CHARGE, name);
        call.key = Some(name.clone());
        rig.calls.call_raw(call).await.unwrap();
        assert_eq!(rig.callee.count(name), 1);
    }
    worker.shutdown().await;
}

pub(crate) async fn what_must_not_be_sent_twice_is_no_probe_of_the_silent(stores: impl Stores) {
    let store = stores.open().await;
    let rig = Rig::built(store.clone(), Callee::default(), |calls| calls.breaker(hasty()));
    let address = free_port().await;
    let worker = rig.worker_at(Target::remote([endpoint(address)]));
    let names = names("charge");
    let charge = |name: &String| {
        let mut call = raw(CHARGE, name);
        call.key = Some(name.clone());
        call
    };
    for name in &names {
        rig.calls.submit_raw(charge(name)).await.unwrap();
    }
    refused(&rig).await;
    // From now on there is a connection, and nobody who answers: what is sent over it is lost.
    let listener = TcpListener::bind(address).await.unwrap();
    let silent = tokio::spawn(async move {
        let mut connections = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            connections.push(connection);
        }
    });

    // Each time the lane opens, whoever comes is told another wait.
    let mut waits = BTreeSet::new();
    eventually("the lane opens again and again", async || {
        waits.extend(store.backlog(LANE).await.unwrap().workers.into_iter().filter_map(|health| {
            match health {
                TargetHealth::Down { retry_after } => Some(retry_after),
                TargetHealth::Up => None,
            }
        }));
        (waits.len() >= 6).then_some(())
    })
    .await;

    assert_eq!(rig.calls.dead_letters(DeadLetterFilter::default()).await.unwrap(), []);
    // What `refused` asked has expired, and is let go of when it is next looked at.
    eventually("only the charges wait", async || {
        (unfinished(&rig).await == names.len() as u64).then_some(())
    })
    .await;
    silent.abort();
    let _serving = Serving::at(address, &rig.callee, None).await;
    for name in &names {
        rig.calls.call_raw(charge(name)).await.unwrap();
        assert_eq!(rig.callee.count(name), 1);
    }
    worker.shutdown().await;
}

pub(crate) async fn refusals_never_open_it(stores: impl Stores) {
    let rig = Rig::built(stores.open().await, Callee::default(), |calls| calls.breaker(hasty()));
    let address = free_port().await;
    let _serving = Serving::at(address, &rig.callee, None).await;
    let worker = rig.worker_at(Target::remote([endpoint(address)]));
    for number in 0..ENOUGH * 5 {
        let name = format!("{number}");
        let codes = [Code::NotFound, Code::FailedPrecondition, Code::Internal, Code::Unknown];
        let code = codes[number % codes.len()];
        rig.callee.plan(&name, [Step::Refuse(Status::new(code, "no"))]);
        // Of a method that is not idempotent, every status is an answer.
        let status = rig.client().charge(order(&name)).await.unwrap_err();
        assert_eq!((status.code(), outcome(&status)), (code, None));
    }
    worker.shutdown().await;
}

pub(crate) async fn overload_opens_it(stores: impl Stores) {
    for code in [Code::Unavailable, Code::ResourceExhausted] {
        let options = hasty().open(HOUR, HOUR);
        let store = stores.open().await;
        let rig = Rig::built(store, Callee::default(), |calls| calls.breaker(options));
        let address = free_port().await;
        let _serving = Serving::at(address, &rig.callee, None).await;
        let worker = rig.worker_at(Target::remote([endpoint(address)]));
        for number in 0..ENOUGH {
            let name = format!("{number}");
            rig.callee.plan(&name, [Step::Refuse(Status::new(code, "too much"))]);
            rig.client().charge(order(&name)).await.unwrap_err();
        }
        assert_eq!(outcome(&refused(&rig).await), Some(Outcome::NotAccepted));
        worker.shutdown().await;
    }
}

pub(crate) async fn in_process_lanes_are_always_up(stores: impl Stores) {
    let rig = Rig::built(stores.open().await, Callee::default(), |calls| calls.breaker(hasty()));
    let worker = rig.worker();
    let trouble = Step::Refuse(Status::unavailable("busy"));
    rig.callee.plan("tea", vec![trouble; ENOUGH * 5]);
    for _ in 0..ENOUGH * 5 {
        let status = rig.client().charge(order("tea")).await.unwrap_err();
        assert_eq!((status.message(), outcome(&status)), ("busy", None));
    }
    worker.shutdown().await;
}

pub(crate) async fn keys_that_exist_attach_and_replay(stores: impl Stores) {
    let rig = Rig::built(stores.open().await, Callee::default(), |calls| calls.breaker(hasty()));
    let address = free_port().await;
    let serving = Serving::at(address, &rig.callee, Some(true)).await;
    let worker = rig.worker_at(Target::remote([endpoint(address)]));
    rig.client().reserve(keyed("done", "done")).await.unwrap();
    rig.callee.plan("dead", [Step::Large(durable_grpc::MAX_MESSAGE_BYTES + 1)]);
    rig.client().reserve(keyed("dead", "dead")).await.unwrap_err();
    drop(serving);
    submit(&rig, &names("waiting")).await;
    refused(&rig).await;

    let mut client = rig.client();
    let attached =
        tokio::spawn(async move { client.reserve(keyed("waiting-0", "waiting-0")).await });
    let replayed = rig.client().reserve(keyed("done", "done")).await.unwrap();
    assert_eq!(replayed.get_ref().text, "done 1");
    let mismatch = rig.client().reserve(keyed("other", "done")).await.unwrap_err();
    assert_eq!(outcome(&mismatch), Some(Outcome::Mismatch));
    // What would have to be executed is refused: under a key that is new, and after a death. Only the
    // first has certainly not been executed.
    for (name, expected) in [("new", Outcome::NotAccepted), ("dead", Outcome::Unknown)] {
        let status = rig.client().reserve(keyed(name, name)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(outcome(&status), Some(expected), "{name}");
        assert!(status.metadata().contains_key("grpc-retry-pushback-ms"));
    }
    assert!(rig.calls.lookup_key(LANE, RESERVE, "new").await.unwrap().is_none());
    let _serving = Serving::at(address, &rig.callee, Some(true)).await;
    assert!(attached.await.unwrap().unwrap().get_ref().text.starts_with("waiting-0"));
    worker.shutdown().await;
}

pub(crate) async fn a_lane_without_a_live_worker_is_refused(stores: impl Stores) {
    let options = hasty().start_grace(Duration::ZERO);
    let rig = Rig::built(stores.open().await, Callee::default(), |calls| calls.breaker(options));

    let status = rig.client().reserve(order("tea")).await.unwrap_err();

    assert_eq!((status.code(), outcome(&status)), (Code::Unavailable, Some(Outcome::NotAccepted)));
    assert!(status.message().contains("no live worker"), "{status}");
    assert_eq!(status.metadata().get("retry-after").unwrap(), "1");
    assert_eq!(unfinished(&rig).await, 0);
    let id = submit(&rig, &["later".to_owned()]).await.remove(0);
    let worker = rig.worker();
    answered(&rig).await;
    assert_eq!(rig.ended(id).await, EndKind::Answered);
    // Whoever leaves politely is missed at once.
    worker.shutdown().await;
    assert!(refused(&rig).await.message().contains("no live worker"));
}

pub(crate) async fn without_a_breaker_calls_wait_for_a_worker(stores: impl Stores) {
    let rig = Rig::built(stores.open().await, Callee::default(), |calls| {
        calls.breaker(hasty().start_grace(Duration::ZERO)).without_breaker()
    });
    let mut client = rig.client();
    let caller = tokio::spawn(async move { client.reserve(order("tea")).await });
    eventually("the call waits", async || (unfinished(&rig).await == 1).then_some(())).await;
    let worker = rig.worker();
    assert_eq!(caller.await.unwrap().unwrap().get_ref().text, "tea 1");
    worker.shutdown().await;
}

pub(crate) async fn outbox_rows_go_out_as_soon_as_the_callee_is_back(stores: impl Stores) {
    let (rig, worker, address, _) = down(&stores).await;
    let outbox = Arc::new(Outbox::default());
    for name in names("row") {
        outbox.add(&name, RESERVE, &name);
    }
    let relay = Relay::builder(&rig.calls, outbox.clone()).spawn();
    eventually("the rows are deferred", async || (outbox.deferrals() >= ENOUGH * 2).then_some(()))
        .await;

    let _serving = Serving::at(address, &rig.callee, Some(true)).await;

    for name in names("row") {
        assert_eq!(reply_text(outbox.answered(&name).await), format!("{name} 1"));
    }
    relay.shutdown().await;
    worker.shutdown().await;
}

pub(crate) async fn a_full_lane_pushes_back(stores: impl Stores) {
    let rig = Rig::built(stores.open().await, Callee::default(), |calls| {
        let limits = LaneLimits { waiting: 3, age: None };
        calls.breaker(hasty().start_grace(HOUR)).lane_limits(LANE, limits)
    });
    for name in ["a", "b", "c"] {
        // A call may be counted twice while the store is being asked; it never is too few times.
        let submit = async || rig.client().reserve(detached(name)).await.ok();
        eventually("there is room", submit).await;
    }

    for request in [detached("d"), Request::new(order("d"))] {
        let status = rig.client().reserve(request).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(outcome(&status), Some(Outcome::NotAccepted));
        assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "1000");
    }
    assert_eq!(unfinished(&rig).await, 3);
    // Who is in already may ask for it; other lanes have room.
    let first = rig.calls.lookup_key(LANE, RESERVE, "a").await.unwrap().unwrap().id;
    let again = rig.client().reserve(detached("a")).await.unwrap();
    assert_eq!(*again.metadata().get(CALL_ID).unwrap(), *first.to_string());
    let mut elsewhere = TillClient::new(rig.calls.channel("elsewhere"));
    for name in ["e", "f", "g", "h"] {
        elsewhere.reserve(detached(name)).await.unwrap();
    }
    let worker = rig.worker();
    answered(&rig).await;
    for name in ["a", "b", "c"] {
        rig.reached(name, 1).await;
    }
    // A limit on what waits is none on what goes through: each of these is answered in time.
    for number in 0..30 {
        let name = format!("through-{number}");
        eventually("there is room", async || rig.client().reserve(order(&name)).await.ok()).await;
    }
    worker.shutdown().await;
}

pub(crate) async fn a_late_lane_refuses_only_those_who_wait(stores: impl Stores) {
    let rig = Rig::built(stores.open().await, Callee::default(), |calls| {
        let limits = LaneLimits { age: Some(Duration::ZERO), ..LaneLimits::default() };
        calls.breaker(hasty().start_grace(HOUR)).limits(limits)
    });
    submit(&rig, &["first".to_owned()]).await;
    let status = eventually("those who wait are refused", async || {
        let mut request = Request::new(order("asked"));
        request.durable().deadline(MOMENT);
        let status = rig.client().reserve(request).await.err()?;
        (status.code() == Code::ResourceExhausted).then_some(status)
    })
    .await;
    assert_eq!(outcome(&status), Some(Outcome::NotAccepted));
    assert!(status.metadata().get("grpc-retry-pushback-ms").is_some());
    submit(&rig, &["second".to_owned()]).await;
    let worker = rig.worker();
    answered(&rig).await;
    worker.shutdown().await;
}

pub(crate) async fn queries_are_refused_with_their_lane(stores: impl Stores) {
    let (rig, worker, address, _) = down(&stores).await;
    let serving = Serving::at(address, &rig.callee, Some(false)).await;
    let target = Target::remote([endpoint(address)]);
    // It would answer; what keeps the query away is what the workers have seen.
    let mut query = TillClient::new(rig.calls.direct(LANE, &target));
    let refused = async || {
        let status = query.clone().reserve(order("query")).await.err()?;
        (status.code() == Code::Unavailable).then_some(status)
    };
    let status = eventually("the query is refused", refused).await;
    assert_eq!(outcome(&status), Some(Outcome::NotAccepted));
    assert!(status.metadata().get("retry-after").is_some());
    // Queries to another lane, to a target in this process, or past all this are not.
    let here = Target::in_process(rig.callee.routes());
    for channel in
        [rig.calls.direct("other", &target), rig.calls.direct(LANE, &here), target.channel()]
    {
        assert!(TillClient::new(channel).reserve(order("fine")).await.is_ok());
    }
    drop(serving);
    let _serving = Serving::at(address, &rig.callee, Some(true)).await;
    eventually("the query is answered", async || query.reserve(order("query")).await.ok()).await;
    worker.shutdown().await;
}

pub(crate) async fn queries_find_out_by_themselves(stores: impl Stores) {
    let rig = Rig::built(stores.open().await, Callee::default(), |calls| calls.breaker(hasty()));
    let address = free_port().await;
    let target = Target::remote([endpoint(address)]);
    let query = TillClient::new(rig.calls.direct(LANE, &target));
    let mut failures = 0;
    let status = eventually("the query is refused", async || {
        let status = query.clone().reserve(order("query")).await.unwrap_err();
        failures += 1;
        outcome(&status).is_some().then_some(status)
    })
    .await;
    assert_eq!((status.code(), failures), (Code::Unavailable, ENOUGH + 1));

    let _serving = Serving::at(address, &rig.callee, None).await;
    let reply: tonic::Response<Receipt> = eventually("the query is answered", async || {
        query.clone().reserve(order("query")).await.ok()
    })
    .await;
    assert_eq!(reply.get_ref().text, "query 1");
    for number in 0..ENOUGH * 5 {
        let name = format!("{number}");
        rig.callee.plan(&name, [Step::Refuse(Status::not_found("no"))]);
        assert_eq!(query.clone().reserve(order(&name)).await.unwrap_err().code(), Code::NotFound);
    }
}
