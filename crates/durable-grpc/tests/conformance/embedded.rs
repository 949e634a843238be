//! What is particular to the SQLite store.

use std::{sync::Arc, time::Duration};

use durable_grpc::{
    CALL_ID, CallId, OpenError, Outcome, SqliteStore, call_id, outcome, store::EndKind,
};
use futures::future::join_all;
use tonic::Code;

use crate::{
    callee::{Callee, Step},
    harness::{RESERVE, Rig, SqliteStores, Stores as _, eventually, keyed, order, raw},
};

#[tokio::test]
async fn one_process_owns_the_file() {
    let stores = SqliteStores::default();
    let store = stores.open().await;
    assert!(matches!(SqliteStore::open(stores.path()), Err(OpenError::InUse(_))));
    drop(store);
    // Dropping closes: the next one needs no waiting.
    SqliteStore::open(stores.path()).unwrap();
}

#[tokio::test]
async fn files_of_others_are_left_alone() {
    let stores = SqliteStores::default();
    let foreign = rusqlite::Connection::open(stores.path()).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(foreign);
    assert!(matches!(SqliteStore::open(stores.path()), Err(OpenError::Foreign(_))));

    let stores = SqliteStores::default();
    drop(stores.open().await);
    let newer = rusqlite::Connection::open(stores.path()).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let refused = SqliteStore::open(stores.path());
    assert!(matches!(refused, Err(OpenError::TooNew { found: 99, .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_may_stay_on_disk_until_their_turn() {
    const CALLS: usize = 700;
    let stores = SqliteStores::default();
    let store = stores.options().cache_bytes(100).open(stores.path()).unwrap();
    let rig = Rig::over(Arc::new(store), Callee::default());
    let submitted = join_all((0..CALLS).map(|number| {
        let (calls, call) = (rig.calls.clone(), raw(RESERVE, &format!("order-{number}")));
        async move { calls.submit_raw(call).await }
    }));
    assert!(submitted.await.iter().all(Result::is_ok));

    let worker = rig.worker();

    for number in 0..CALLS {
        rig.reached(&format!("order-{number}"), 1).await;
    }
    worker.shutdown().await;
    let stats = rig.calls.stats().await.unwrap().remove(0);
    assert_eq!((stats.ready, stats.later, stats.running, stats.waiting_bytes), (0, 0, 0, 0));
    assert_eq!(stats.answered, CALLS as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_lane_refuses_and_evicts_nothing() {
    let stores = SqliteStores::default();
    let store = stores.options().lane_bytes(100).open(stores.path()).unwrap();
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
    assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "1000");
    assert_eq!(accepted, 8, "each message has twelve bytes");

    let worker = rig.worker();
    rig.reached("0123456789", accepted).await;
    // There is room again.
    eventually("the lane takes calls", async || {
        rig.calls.submit_raw(raw(RESERVE, "next")).await.ok()
    })
    .await;
    worker.shutdown().await;
}

/// A call that has run before under its key needs room to run again. That there is none does not say
/// that it was never executed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_lane_does_not_deny_what_a_key_has_done_before() {
    let stores = SqliteStores::default();
    let store = stores.options().lane_bytes(100).open(stores.path()).unwrap();
    let rig = Rig::over(Arc::new(store), Callee::default());
    let worker = rig.worker();
    rig.callee.plan("dead", [Step::Large(durable_grpc::MAX_MESSAGE_BYTES + 1)]);
    let dead = rig.client().reserve(keyed("dead", "dead")).await.unwrap_err();
    let done = rig.client().reserve(keyed("done", "done")).await.unwrap();
    worker.shutdown().await;
    // Down to the last byte: what is asked for below is shorter than these.
    for name in ["0123456789", "a"] {
        while rig.calls.submit_raw(raw(RESERVE, name)).await.is_ok() {}
    }

    for (name, expected) in [("new", Outcome::NotAccepted), ("dead", Outcome::Unknown)] {
        let status = rig.client().reserve(keyed(name, name)).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert_eq!(outcome(&status), Some(expected), "{name}");
        assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "1000");
    }
    let status = rig.client().reserve(keyed("dead", "dead")).await.unwrap_err();
    assert_eq!(call_id(&status), call_id(&dead), "it may be asked for");
    let replayed = rig.client().reserve(keyed("done", "done")).await.unwrap();
    assert_eq!(replayed.get_ref(), done.get_ref());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finished_call_keeps_no_payload_and_a_dead_one_does() {
    let stores = SqliteStores::default();
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    rig.callee.plan("dead", [Step::Large(durable_grpc::MAX_MESSAGE_BYTES + 1)]);
    let id_of = |text: &str| -> CallId { text.parse().unwrap() };
    let mut request = keyed("done", "k");
    request.metadata_mut().insert("x-tenant", "blue".parse().unwrap());
    let reply = rig.client().reserve(request).await.unwrap();
    let done = id_of(reply.metadata().get(CALL_ID).unwrap().to_str().unwrap());
    let status = rig.client().reserve(order("dead")).await.unwrap_err();
    let dead = durable_grpc::call_id(&status).unwrap();
    worker.shutdown().await;
    assert_eq!(rig.ended(dead).await, EndKind::Dead);
    drop(rig);
    // Closed and its log folded in, once the housekeeping has noticed.
    drop(stores.open().await);

    let file = rusqlite::Connection::open(stores.path()).unwrap();
    let kept = |id: CallId| -> (bool, bool, i64) {
        let sql = "SELECT payload IS NULL, metadata IS NULL, length(hash) FROM calls WHERE id = ?1";
        file.query_row(sql, [id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
    };
    assert_eq!(kept(done), (true, true, 32));
    assert!(!kept(dead).0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sustained_load_leaves_no_rows_behind() {
    let stores = SqliteStores::default();
    let store = stores.open().await;
    let rig = Rig::over(store.clone(), Callee::default());
    let worker = rig.worker();
    for _ in 0..10 {
        let burst = (0..100).map(|_| {
            let mut client = rig.client();
            async move { client.reserve(order("tea")).await }
        });
        assert!(join_all(burst).await.iter().all(Result::is_ok));
    }
    worker.shutdown().await;
    drop(rig);
    stores.advance(Duration::from_secs(61));
    while store.sweep(300).await.unwrap() > 0 {}
    drop(store);
    drop(stores.open().await);
    let file = rusqlite::Connection::open(stores.path()).unwrap();
    let rows: i64 = file.query_row("SELECT count(*) FROM calls", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 0);
}
