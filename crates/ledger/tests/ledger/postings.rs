//! Postings: idempotent, refused without a trace, safe beside each other.

use std::{sync::Arc, time::Duration};

use ledger::{Account, AccountKind, LedgerError, Mode, Posted, Posting};

use crate::world::*;

#[tokio::test]
async fn a_posting_moves_money_once() {
    for db in databases().await {
        let (cash, wallet) = (account(CASH, 0), account(AVAILABLE, 1));
        let top_up = Posting::new(id(1), "top_up")
            .leg(&cash, eur(-970))
            .leg(account(AccountKind::clearing("psp_cost"), 0), eur(-30))
            .leg_for(&wallet, eur(1_000), id(77));
        assert!(!ledger::posted(db.read(), id(1)).await.unwrap());
        assert_eq!(post(&db, &top_up).await.unwrap(), Posted::New, "{db}");
        assert_eq!(post(&db, &top_up).await.unwrap(), Posted::Repeated, "{db}");
        assert!(ledger::posted(db.read(), id(1)).await.unwrap());
        assert_eq!(balance(&db, &wallet).await, 1_000);
        assert_eq!(balance(&db, &cash).await, -970);

        let entries = ledger::entries(db.read(), &wallet, None, 10).await.unwrap();
        let [entry] = entries.as_slice() else { panic!("{db}: {entries:?}") };
        assert_eq!((entry.op_id, entry.kind.as_str()), (id(1), "top_up"));
        assert_eq!((entry.amount, entry.balance_after), (eur(1_000), Some(eur(1_000))));
        assert_eq!((entry.reference, entry.posted_at), (Some(id(77)), at(0)));
        let of_cash = ledger::entries(db.read(), &cash, None, 10).await.unwrap();
        assert_eq!(of_cash[0].balance_after, None);
        assert_sound(&db).await;
    }
}

#[tokio::test]
async fn the_same_operation_with_other_entries_is_a_conflict() {
    for db in databases().await {
        let (cash, wallet) = (account(CASH, 0), account(AVAILABLE, 1));
        fund(&db, 1, &wallet, 500).await;
        let others = [
            transfer(1, &cash, &wallet, 501),
            transfer(1, &cash, &account(AVAILABLE, 2), 500),
            transfer(1, &cash, &wallet, 500).leg(&cash, eur(-1)).leg(&wallet, eur(1)),
            Posting { kind: "gift", ..transfer(1, &cash, &wallet, 500) },
            Posting::new(id(1), "transfer").leg(&cash, eur(-500)).leg_for(&wallet, eur(500), id(3)),
            // Also one that would be refused for want of funds if it were new.
            transfer(1, &wallet, &cash, 9_999),
        ];
        for other in &others {
            let error = post(&db, other).await.unwrap_err();
            assert!(
                matches!(error, LedgerError::Conflict { op_id } if op_id == id(1)),
                "{error:?}"
            );
        }
        assert_eq!(balance(&db, &wallet).await, 500, "{db}");
        assert_sound(&db).await;
    }
}

#[tokio::test]
async fn a_refusal_changes_nothing_and_leaves_the_transaction_usable() {
    for db in databases().await {
        let (rich, poor) = (account(AVAILABLE, 1), account(AVAILABLE, 2));
        let (stranger, cash) = (account(AVAILABLE, 3), account(CASH, 0));
        fund(&db, 1, &rich, 1_000).await;
        fund(&db, 2, &poor, 10).await;
        let tx = db.begin("test").await.unwrap();
        // Whichever of the two accounts is locked first, the other one's part must not remain.
        let both = Posting::new(id(3), "fee")
            .leg(&rich, eur(-500))
            .leg(&poor, eur(-11))
            .leg(&cash, eur(511));
        match ledger::post(&tx, &both, at(1)).await.unwrap_err() {
            LedgerError::Insufficient { account, needed, available } => {
                assert_eq!((account, needed, available), (poor.clone(), eur(11), eur(10)));
            }
            other => panic!("{db}: {other:?}"),
        }
        let unknown = ledger::post(&tx, &transfer(4, &stranger, &rich, 1), at(1)).await;
        assert!(
            matches!(unknown, Err(LedgerError::Insufficient { available, .. }) if available.is_zero())
        );
        let unbalanced = Posting::new(id(5), "odd").leg(&rich, eur(-5)).leg(&poor, eur(4));
        let unbalanced = ledger::post(&tx, &unbalanced, at(1)).await;
        assert!(matches!(unbalanced, Err(LedgerError::Posting(_))), "{unbalanced:?}");
        let posted = ledger::post(&tx, &transfer(6, &rich, &poor, 1), at(1)).await.unwrap();
        assert_eq!(posted, Posted::New);
        tx.commit().await.unwrap();
        assert_eq!((balance(&db, &rich).await, balance(&db, &poor).await), (999, 11), "{db}");
        for refused in [3, 4, 5] {
            assert!(!ledger::posted(db.read(), id(refused)).await.unwrap());
        }
        assert_sound(&db).await;
    }
}

#[tokio::test]
async fn a_repeated_posting_is_recognised_after_its_money_is_gone() {
    for db in databases().await {
        let (wallet, cash) = (account(AVAILABLE, 1), account(CASH, 0));
        fund(&db, 1, &wallet, 100).await;
        let spend = transfer(2, &wallet, &cash, 100);
        assert_eq!(post(&db, &spend).await.unwrap(), Posted::New);
        assert_eq!(post(&db, &spend).await.unwrap(), Posted::Repeated, "{db}");
    }
}

#[tokio::test]
async fn what_may_go_below_zero_depends_on_the_kind() {
    for db in databases().await {
        let (owed, cash) = (account(PAYABLE, 1), account(CASH, 0));
        assert_eq!(post(&db, &transfer(1, &owed, &cash, 700)).await.unwrap(), Posted::New);
        assert_eq!((balance(&db, &owed).await, balance(&db, &cash).await), (-700, 700));
        let renamed = account(AccountKind::clearing("payable"), 1);
        let error = post(&db, &transfer(2, &renamed, &cash, 1)).await.unwrap_err();
        assert!(matches!(error, LedgerError::RuleMismatch { .. }), "{error:?}");
        let much = post(&db, &transfer(3, &cash, &owed, i64::MAX)).await.unwrap();
        assert_eq!(much, Posted::New);
        let error = post(&db, &transfer(4, &cash, &owed, i64::MAX)).await.unwrap_err();
        assert!(matches!(error, LedgerError::Overflow { .. }), "{error:?}");
        assert_sound(&db).await;
    }
}

#[tokio::test]
async fn clearing_accounts_need_nobodys_lock() {
    for db in databases().await {
        let (cash, clearing) = (account(CASH, 0), account(ESCROW, 0));
        let two = [transfer(1, &cash, &clearing, 5), transfer(2, &clearing, &cash, 7)];
        for posting in &two {
            assert_eq!(post(&db, posting).await.unwrap(), Posted::New, "{db}");
        }
        assert_eq!((balance(&db, &cash).await, balance(&db, &clearing).await), (2, -2));
        assert_eq!(post(&db, &two[0]).await.unwrap(), Posted::Repeated, "{db}");

        // Where the engine lets transactions run beside each other, these two do not wait.
        if let Some(db) = testkit::postgres::<Migrator>().await {
            fund(&db, 1, &account(AVAILABLE, 1), 10).await;
            fund(&db, 2, &account(AVAILABLE, 2), 10).await;
            let (first, second) =
                (db.begin("test").await.unwrap(), db.begin("test").await.unwrap());
            for (tx, owner) in [(&first, 1), (&second, 2)] {
                ledger::idempotency::bound_wait(tx, Duration::from_millis(20)).await.unwrap();
                let pay = transfer(10 + owner, &account(AVAILABLE, owner), &cash, 10);
                assert_eq!(ledger::post(tx, &pay, at(0)).await.unwrap(), Posted::New);
            }
            first.commit().await.unwrap();
            second.commit().await.unwrap();
            assert_eq!(balance(&db, &cash).await, 0);
        }
    }
}

#[tokio::test]
async fn modes_and_currencies_are_accounts_of_their_own() {
    for db in databases().await {
        let test = account(AVAILABLE, 1);
        let live = Account { mode: Mode::Live, ..test.clone() };
        let dollars = Account { currency: "USD".parse().unwrap(), ..test.clone() };
        fund(&db, 1, &test, 300).await;
        assert_eq!((balance(&db, &live).await, balance(&db, &dollars).await), (0, 0));
        let mixed = post(&db, &transfer(2, &test, &live, 1)).await.unwrap_err();
        assert!(mixed.to_string().contains("test and live"), "{mixed}");
    }
}

#[tokio::test]
async fn statements_are_read_in_pages_and_add_up() {
    for db in databases().await {
        let wallet = account(AVAILABLE, 1);
        for op in 1..=7 {
            fund(&db, op, &wallet, 10).await;
        }
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let page = ledger::entries(db.read(), &wallet, after, 3).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            read.extend(page);
        }
        let balances: Vec<_> = read.iter().map(|e| e.balance_after.unwrap().minor).collect();
        assert_eq!(balances, [10, 20, 30, 40, 50, 60, 70], "{db}");
    }
}

#[tokio::test]
async fn a_posting_of_thousands_of_legs_is_one_posting() {
    const UNITS: u128 = 3_000;
    for db in databases().await {
        let wallet = account(AVAILABLE, 1);
        fund(&db, 1, &wallet, 3_000).await;
        let spread = (0..UNITS)
            .fold(Posting::new(id(2), "spread").leg(&wallet, eur(-3_000)), |posting, n| {
                posting.leg_for(account(AVAILABLE, 10 + n), eur(1), id(n + 1))
            });
        assert_eq!(post(&db, &spread).await.unwrap(), Posted::New);
        assert_eq!(post(&db, &spread).await.unwrap(), Posted::Repeated);
        assert_eq!(balance(&db, &wallet).await, 0);
        assert_eq!(balance(&db, &account(AVAILABLE, 10 + UNITS - 1)).await, 1);
        assert_sound(&db).await;
    }
}

/// Everybody pays everybody else at once, twice, in legs of opposite order: no deadlock, no lost
/// update, nothing twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_postings_lose_nothing() {
    const OWNERS: u128 = 4;
    const PAYMENTS: u128 = 60;
    for db in databases().await {
        for owner in 0..OWNERS {
            fund(&db, 1 + owner, &account(AVAILABLE, owner), 100).await;
        }
        let db = Arc::new(db);
        let tasks: Vec<_> = (0..PAYMENTS * 2)
            .map(|task| {
                let (db, n) = (Arc::clone(&db), task % PAYMENTS);
                tokio::spawn(async move {
                    let payer = account(AVAILABLE, n % OWNERS);
                    let posting = (1..OWNERS).fold(
                        Posting::new(id(1_000 + n), "share").leg(&payer, eur(-9)),
                        |posting, next| {
                            posting.leg(account(AVAILABLE, (n + next) % OWNERS), eur(3))
                        },
                    );
                    // Also a leg that no row is locked for, to an account nobody has created yet.
                    let fresh = account(ESCROW, 50 + n % 3);
                    let posting = posting.leg_for(&fresh, eur(1), id(n + 1)).leg_for(
                        &fresh,
                        eur(-1),
                        id(n + 1),
                    );
                    post(&db, &posting).await
                })
            })
            .collect();
        let mut new = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(Posted::New) => new += 1,
                Ok(Posted::Repeated) | Err(LedgerError::Insufficient { .. }) => {}
                Err(error) => panic!("{db}: {error:?}"),
            }
        }
        assert!(new > 0 && new <= PAYMENTS, "{db}: {new}");
        let mut total = 0;
        for owner in 0..OWNERS {
            total += balance(&db, &account(AVAILABLE, owner)).await;
        }
        assert_eq!(total, i64::try_from(OWNERS).unwrap() * 100, "{db}");
        assert_sound(&db).await;
    }
}

/// Many first postings to the same few accounts at once, beside postings that lock them as soon as
/// they exist: whoever creates an account holds no lock that another one waits for.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn accounts_created_at_once_do_not_deadlock() {
    const PAYERS: u128 = 8;
    const ROUNDS: u128 = 40;
    for db in databases().await {
        for payer in 0..PAYERS {
            fund(&db, 1 + payer, &account(AVAILABLE, payer), 10_000).await;
        }
        let db = Arc::new(db);
        for round in 0..ROUNDS {
            let tasks: Vec<_> = (0..PAYERS * 3)
                .map(|n| {
                    let db = Arc::clone(&db);
                    tokio::spawn(async move {
                        let payee = account(PAYABLE, 100 + round * 2 + n % 2);
                        let payer = account(AVAILABLE, n % PAYERS);
                        let op = 1_000 + round * 100 + n;
                        post(&db, &transfer(op, &payer, &payee, 1)).await
                    })
                })
                .collect();
            for task in tasks {
                assert_eq!(task.await.unwrap().unwrap(), Posted::New, "{db}");
            }
            for payee in [100 + round * 2, 101 + round * 2] {
                assert_eq!(balance(&db, &account(PAYABLE, payee)).await, 12, "{db}");
            }
        }
        assert_sound(&db).await;
    }
}
