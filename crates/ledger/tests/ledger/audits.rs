//! The audit names what is wrong, and is silent otherwise.

use ledger::{
    Leg, Mode, Posting,
    audit::{self, Violation},
    holds::{self, NewHold},
};
use sea_orm::{ConnectionTrait, DbBackend};
use testkit::TestDb;

use crate::world::*;

/// Runs statements as somebody who got past guards and checks.
async fn corrupt(db: &TestDb, statements: &[&str]) {
    let open: &[&str] = match db.engine() {
        DbBackend::Postgres => &[
            "SET session_replication_role = replica",
            "ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_rule",
        ],
        _ => &[
            "PRAGMA ignore_check_constraints = ON",
            "PRAGMA foreign_keys = OFF",
            "DROP TRIGGER ledger_entry_no_update",
            "DROP TRIGGER ledger_entry_no_delete",
            "DROP TRIGGER ledger_hold_ends_once",
        ],
    };
    // One string is one connection, which the PostgreSQL setting belongs to.
    let close: &[&str] = match db.engine() {
        DbBackend::Postgres => &["SET session_replication_role = DEFAULT"],
        _ => &[],
    };
    let sql = [open, statements, close].concat().join(";\n");
    db.write().execute_unprepared(&sql).await.unwrap();
}

/// Two wallets, a top-up each, a transfer, and a hold on the first.
async fn furnished(db: &TestDb) {
    let (first, second) = (account(AVAILABLE, 1), account(AVAILABLE, 2));
    fund(db, 1, &first, 1_000).await;
    fund(db, 2, &second, 500).await;
    post(db, &transfer(3, &first, &second, 200)).await.unwrap();
    let tx = db.begin("test").await.unwrap();
    let hold = NewHold {
        id: id(10),
        mode: Mode::Test,
        owner: id(1),
        amount: eur(300),
        available: AVAILABLE,
        held: HELD,
        reference: None,
        at: at(0),
    };
    holds::place(&tx, hold).await.unwrap();
    tx.commit().await.unwrap();
    assert_sound(db).await;
}

async fn found(db: &TestDb) -> Vec<Violation> {
    audit::violations(db.read()).await.unwrap()
}

/// Corrupts a sound ledger on every engine and expects exactly these invariants to be named, with
/// these words.
async fn check(statements: &[&str], expected: &[(u8, &str, String)]) {
    for db in databases().await {
        furnished(&db).await;
        corrupt(&db, statements).await;
        let found = found(&db).await;
        assert_eq!(found.len(), expected.len(), "{db}: {found:#?}");
        for (invariant, what, row) in expected {
            let is_it = |violation: &&Violation| {
                violation.invariant == *invariant
                    && violation.what.contains(what)
                    && violation.rows.iter().any(|named| named.contains(row))
            };
            assert_eq!(found.iter().filter(is_it).count(), 1, "{db}: {what}: {found:#?}");
        }
    }
}

/// How the row of the first wallet is named.
fn wallet() -> String {
    format!("ledger_account {} (test available", account(AVAILABLE, 1).id())
}

#[tokio::test]
async fn an_entry_that_was_changed_is_named() {
    check(
        &["UPDATE ledger_entry SET amount = -201 WHERE amount = -200"],
        &[
            (1, "entries sum to -1 minor units of test EUR", format!("ledger_tx {}", id(3))),
            (2, "the balance is 500, the entries sum to 499", wallet()),
            (2, "noted after an entry is 800, it was 799", "ledger_entry 5".to_owned()),
            (2, "noted after an entry is 500, it was 499", "ledger_entry 7".to_owned()),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_operation_that_lost_its_entries_is_named() {
    let second = account(AVAILABLE, 2).id().to_string();
    check(
        &["DELETE FROM ledger_entry WHERE id IN (5, 6)"],
        &[
            (1, "without entries", format!("ledger_tx {}", id(3))),
            (2, "the balance is 500, the entries sum to 700", wallet()),
            (2, "the balance is 700, the entries sum to 500", second),
            (2, "noted after an entry is 500, it was 700", "ledger_entry 7".to_owned()),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_balance_that_was_changed_is_named() {
    check(
        &["UPDATE ledger_account SET balance = balance + 1 WHERE balance = 500"],
        &[(2, "the balance is 501, the entries sum to 500", wallet())],
    )
    .await;
}

#[tokio::test]
async fn a_balance_below_zero_is_named() {
    check(
        &["UPDATE ledger_account SET balance = -1 WHERE balance = 500"],
        &[
            (2, "the balance is -1, the entries sum to 500", wallet()),
            (3, "the balance is -1 minor units, below zero", wallet()),
        ],
    )
    .await;
}

#[tokio::test]
async fn held_money_without_a_hold_is_named() {
    let held = account(HELD, 1).id().to_string();
    check(
        &["UPDATE ledger_hold SET state = 'captured', ended_at = 1"],
        &[(3, "300 minor units are held, open holds sum to 0", held)],
    )
    .await;
}

#[tokio::test]
async fn sums_are_given_by_kind_and_by_reference() {
    for db in databases().await {
        let (clearing, wallet) = (account(ESCROW, 0), account(AVAILABLE, 1));
        fund(&db, 1, &wallet, 1_000).await;
        let legs = [(3, 100), (1, 200), (2, 300)]
            .map(|(escrow, minor)| Leg::about(&clearing, eur(minor), id(escrow)));
        let capture = Posting::new(id(2), "capture").leg(&wallet, eur(-600)).with(legs);
        post(&db, &capture).await.unwrap();
        let back = Posting::new(id(3), "return").leg_for(&clearing, eur(-200), id(1)).leg_for(
            &wallet,
            eur(200),
            id(1),
        );
        post(&db, &back).await.unwrap();

        let kinds: Vec<_> = audit::sums_by_kind(db.read())
            .await
            .unwrap()
            .into_iter()
            .map(|sum| (sum.kind, sum.total.minor))
            .collect();
        let expected =
            [("available", 600), ("escrow_clearing", 400), ("provider_clearing", -1_000)];
        assert_eq!(kinds, expected.map(|(kind, minor)| (kind.to_owned(), minor)), "{db}");

        let (mut sums, mut after) = (Vec::new(), None);
        loop {
            let page = audit::sums_by_reference(db.read(), &ESCROW, after, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.reference);
            sums.extend(page.iter().map(|sum| (sum.reference, sum.total.minor, sum.entries)));
            assert!(page.iter().all(|sum| sum.last_posted_at == at(0) && sum.mode == Mode::Test));
        }
        assert_eq!(sums, [(id(1), 0, 2), (id(2), 300, 1), (id(3), 100, 1)], "{db}");
    }
}
