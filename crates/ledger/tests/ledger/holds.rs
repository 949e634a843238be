//! Holds: placed, captured, released; each once.

use ledger::{
    LedgerError, Leg, Posted,
    holds::{self, Hold, HoldError, HoldState, NewHold},
};
use testkit::TestDb;
use uuid::Uuid;

use crate::world::*;

fn new_hold(hold: u128, minor: i64) -> NewHold {
    NewHold {
        id: id(hold),
        mode: ledger::Mode::Test,
        owner: id(1),
        amount: eur(minor),
        available: AVAILABLE,
        held: HELD,
        reference: Some(id(900)),
        at: at(5),
    }
}

async fn place(db: &TestDb, hold: NewHold) -> Result<Posted, HoldError> {
    let tx = db.begin("test").await.unwrap();
    let placed = holds::place(&tx, hold).await;
    tx.commit().await.unwrap();
    placed
}

async fn capture(db: &TestDb, hold: u128, credits: Vec<Leg>) -> Result<Posted, HoldError> {
    let tx = db.begin("test").await.unwrap();
    let captured = holds::capture(&tx, id(hold), credits, at(6)).await;
    tx.commit().await.unwrap();
    captured
}

async fn release(db: &TestDb, hold: u128) -> Result<Posted, HoldError> {
    let tx = db.begin("test").await.unwrap();
    let released = holds::release(&tx, id(hold), at(7)).await;
    tx.commit().await.unwrap();
    released
}

async fn find(db: &TestDb, hold: u128) -> Option<Hold> {
    holds::find(db.read(), id(hold)).await.unwrap()
}

async fn balances(db: &TestDb) -> (i64, i64) {
    (balance(db, &account(AVAILABLE, 1)).await, balance(db, &account(HELD, 1)).await)
}

fn escrows(amounts: &[i64]) -> Vec<Leg> {
    (1..)
        .zip(amounts)
        .map(|(n, minor)| Leg::about(account(ESCROW, 0), eur(*minor), Uuid::from_u128(n)))
        .collect()
}

#[tokio::test]
async fn a_hold_is_captured_once() {
    for db in databases().await {
        fund(&db, 1, &account(AVAILABLE, 1), 1_000).await;
        assert_eq!(place(&db, new_hold(10, 600)).await.unwrap(), Posted::New);
        assert_eq!(place(&db, new_hold(10, 600)).await.unwrap(), Posted::Repeated, "{db}");
        assert_eq!(balances(&db).await, (400, 600));
        let hold = find(&db, 10).await.unwrap();
        assert_eq!((hold.state, hold.amount, hold.ended_at), (HoldState::Held, eur(600), None));
        assert_eq!((hold.reference, hold.placed_at), (Some(id(900)), at(5)));
        assert_eq!((&hold.available, &hold.held), (&account(AVAILABLE, 1), &account(HELD, 1)));

        assert_eq!(capture(&db, 10, escrows(&[250, 350])).await.unwrap(), Posted::New);
        assert_eq!(capture(&db, 10, escrows(&[250, 350])).await.unwrap(), Posted::Repeated);
        assert_eq!(balances(&db).await, (400, 0));
        assert_eq!(balance(&db, &account(ESCROW, 0)).await, 600);
        let hold = find(&db, 10).await.unwrap();
        assert_eq!((hold.state, hold.ended_at), (HoldState::Captured, Some(at(6))));

        let otherwise = capture(&db, 10, escrows(&[600])).await.unwrap_err();
        assert!(matches!(otherwise, HoldError::Ledger(LedgerError::Conflict { .. })));
        let released = release(&db, 10).await.unwrap_err();
        assert!(
            matches!(released, HoldError::WrongState { state: HoldState::Captured, .. }),
            "{released:?}"
        );
        assert_eq!(place(&db, new_hold(10, 600)).await.unwrap(), Posted::Repeated);
        assert_eq!(balances(&db).await, (400, 0));
        assert_sound(&db).await;
    }
}

#[tokio::test]
async fn a_hold_is_released_once() {
    for db in databases().await {
        fund(&db, 1, &account(AVAILABLE, 1), 1_000).await;
        place(&db, new_hold(10, 1_000)).await.unwrap();
        assert_eq!(release(&db, 10).await.unwrap(), Posted::New);
        assert_eq!(release(&db, 10).await.unwrap(), Posted::Repeated, "{db}");
        assert_eq!(balances(&db).await, (1_000, 0));
        assert_eq!(find(&db, 10).await.unwrap().state, HoldState::Released);
        let captured = capture(&db, 10, escrows(&[1_000])).await.unwrap_err();
        assert!(matches!(captured, HoldError::WrongState { state: HoldState::Released, .. }));
        assert_sound(&db).await;
    }
}

#[tokio::test]
async fn refusals_change_nothing() {
    for db in databases().await {
        fund(&db, 1, &account(AVAILABLE, 1), 100).await;
        let too_much = place(&db, new_hold(10, 101)).await.unwrap_err();
        assert!(matches!(too_much, HoldError::Ledger(LedgerError::Insufficient { .. })));
        let nothing = place(&db, new_hold(10, 0)).await.unwrap_err();
        assert!(matches!(nothing, HoldError::NotPositive { .. }));
        let unfit = place(&db, NewHold { held: CASH, ..new_hold(10, 5) }).await.unwrap_err();
        assert!(matches!(unfit, HoldError::UnfitKind { .. }));
        assert!(find(&db, 10).await.is_none());
        assert!(matches!(release(&db, 10).await, Err(HoldError::Unknown { .. })));
        assert!(matches!(capture(&db, 10, vec![]).await, Err(HoldError::Unknown { .. })));

        place(&db, new_hold(10, 60)).await.unwrap();
        for other in [
            new_hold(10, 61),
            NewHold { owner: id(2), ..new_hold(10, 60) },
            NewHold { reference: None, ..new_hold(10, 60) },
        ] {
            let error = place(&db, other).await.unwrap_err();
            assert!(matches!(error, HoldError::Ledger(LedgerError::Conflict { .. })), "{error:?}");
        }
        for credits in [vec![], escrows(&[59]), escrows(&[61]), escrows(&[60, 0])] {
            let error = capture(&db, 10, credits).await.unwrap_err();
            assert!(matches!(error, HoldError::Ledger(LedgerError::Posting(_))), "{error:?}");
        }
        assert_eq!(find(&db, 10).await.unwrap().state, HoldState::Held);
        assert_eq!(balances(&db).await, (40, 60), "{db}");
        assert_sound(&db).await;
    }
}

/// Capture and release at once: one of them wins, the other is told so.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hold_ends_one_way() {
    for db in databases().await {
        fund(&db, 1, &account(AVAILABLE, 1), 100).await;
        for hold in 10..30 {
            place(&db, new_hold(hold, 5)).await.unwrap();
            let (captured, released) =
                tokio::join!(capture(&db, hold, escrows(&[5])), release(&db, hold));
            assert!(captured.is_ok() != released.is_ok(), "{db}: {captured:?} {released:?}");
        }
        assert_eq!(balance(&db, &account(HELD, 1)).await, 0);
        assert_sound(&db).await;
    }
}
