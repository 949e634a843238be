//! Idempotency records: the first answer to a key is the answer for ever.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use ledger::{
    Mode,
    idempotency::{
        Claim, HTTP_KEPT, IdempotencyError, MAX_KEY_LEN, Scope, Stored, bound_wait, claim,
        fingerprint, store, sweep,
    },
};
use serde_json::json;
use testkit::TestDb;

use crate::world::*;

const REDEEM: &str = "redeem";

fn scope() -> Scope {
    Scope::http(Mode::Test, id(1), REDEEM)
}

fn request(body: &str) -> [u8; 32] {
    fingerprint(&[b"POST", b"/v1/redemptions", body.as_bytes()])
}

async fn answer(db: &TestDb, scope: &Scope, key: &str, status: u16) {
    let tx = db.begin("test").await.unwrap();
    assert_eq!(claim(&tx, scope, key, request("a"), at(0)).await.unwrap(), Claim::Fresh, "{db}");
    store(&tx, scope, key, status, &json!({"id": key})).await.unwrap();
    tx.commit().await.unwrap();
}

/// Claims in a transaction that is rolled back.
async fn look(
    db: &TestDb,
    scope: &Scope,
    key: &str,
    body: &str,
) -> Result<Claim, IdempotencyError> {
    let tx = db.begin("test").await.unwrap();
    let claim = claim(&tx, scope, key, request(body), at(0)).await;
    tx.rollback().await.unwrap();
    claim
}

#[tokio::test]
async fn the_first_answer_is_replayed() {
    for db in databases().await {
        answer(&db, &scope(), "k1", 201).await;
        let stored = Stored { status: 201, body: json!({"id": "k1"}) };
        let replay = look(&db, &scope(), "k1", "a").await.unwrap();
        assert_eq!(replay, Claim::Replay(stored), "{db}");
        assert_eq!(look(&db, &scope(), "k1", "b").await.unwrap(), Claim::Mismatch);
        for other in [
            Scope::http(Mode::Live, id(1), REDEEM),
            Scope::http(Mode::Test, id(2), REDEEM),
            Scope::http(Mode::Test, id(1), "top_up"),
        ] {
            assert_eq!(look(&db, &other, "k1", "b").await.unwrap(), Claim::Fresh, "{other:?}");
        }
        assert_eq!(look(&db, &scope(), "K1", "b").await.unwrap(), Claim::Fresh);
    }
}

#[tokio::test]
async fn a_claim_lives_and_dies_with_its_transaction() {
    for db in databases().await {
        assert_eq!(look(&db, &scope(), "k1", "a").await.unwrap(), Claim::Fresh);
        assert_eq!(look(&db, &scope(), "k1", "b").await.unwrap(), Claim::Fresh, "{db}");
        let tx = db.begin("test").await.unwrap();
        claim(&tx, &scope(), "k2", request("a"), at(0)).await.unwrap();
        tx.commit().await.unwrap();
        let unanswered = look(&db, &scope(), "k2", "a").await.unwrap_err();
        assert!(matches!(unanswered, IdempotencyError::Unanswered { operation: REDEEM }));
    }
}

#[tokio::test]
async fn only_an_open_claim_is_answered_and_only_once() {
    for db in databases().await {
        answer(&db, &scope(), "k1", 200).await;
        for key in ["k1", "k2"] {
            let tx = db.begin("test").await.unwrap();
            let error = store(&tx, &scope(), key, 200, &json!(null)).await.unwrap_err();
            assert!(matches!(error, IdempotencyError::NotClaimed { .. }), "{db}: {error:?}");
        }
        for key in ["", &"k".repeat(MAX_KEY_LEN + 1)] {
            let error = look(&db, &scope(), key, "a").await.unwrap_err();
            assert!(matches!(error, IdempotencyError::UnfitKey));
        }
    }
}

#[tokio::test]
async fn a_twin_waits_for_the_first_and_gets_its_answer() {
    for db in databases().await {
        let db = Arc::new(db);
        let first = db.begin("test").await.unwrap();
        claim(&first, &scope(), "k1", request("a"), at(0)).await.unwrap();
        let twin = tokio::spawn({
            let db = Arc::clone(&db);
            async move { look(&db, &scope(), "k1", "a").await }
        });
        store(&first, &scope(), "k1", 200, &json!("done")).await.unwrap();
        first.commit().await.unwrap();
        let stored = Stored { status: 200, body: json!("done") };
        assert_eq!(twin.await.unwrap().unwrap(), Claim::Replay(stored), "{db}");
    }
}

#[tokio::test]
async fn a_bounded_twin_is_told_that_the_first_is_busy() {
    let Some(db) = testkit::postgres::<Migrator>().await else { return };
    let first = db.begin("test").await.unwrap();
    claim(&first, &scope(), "k1", request("a"), at(0)).await.unwrap();
    let twin = db.begin("test").await.unwrap();
    bound_wait(&twin, Duration::from_millis(20)).await.unwrap();
    let busy = claim(&twin, &scope(), "k1", request("a"), at(0)).await.unwrap_err();
    assert!(matches!(busy, IdempotencyError::Busy), "{busy:?}");
}

#[tokio::test]
async fn records_of_requests_are_swept_and_those_of_rpcs_stay() {
    for db in databases().await {
        let rpc = Scope::rpc(Mode::Test, id(1), "reserve");
        for key in ["k1", "k2", "k3"] {
            answer(&db, &scope(), key, 200).await;
            answer(&db, &rpc, key, 200).await;
        }
        let end = at(0) + HTTP_KEPT;
        let before = end - SignedDuration::from_millis(1);
        assert_eq!(sweep(db.write(), before, 10).await.unwrap(), 0, "{db}");
        assert_eq!(sweep(db.write(), end, 2).await.unwrap(), 2);
        assert_eq!(sweep(db.write(), end, 2).await.unwrap(), 1);
        assert_eq!(look(&db, &scope(), "k1", "b").await.unwrap(), Claim::Fresh);
        assert!(matches!(look(&db, &rpc, "k1", "a").await.unwrap(), Claim::Replay(_)));
    }
}

#[test]
fn a_fingerprint_is_of_the_fields_and_their_borders() {
    assert_eq!(request("a"), request("a"));
    assert_ne!(request("a"), request("b"));
    assert_ne!(fingerprint(&[b"ab", b"c"]), fingerprint(&[b"a", b"bc"]));
}
