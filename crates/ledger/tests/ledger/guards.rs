//! What the database itself refuses, however it is asked.

use ledger::{
    Mode,
    holds::{self, NewHold},
    idempotency::{Scope, claim, store},
};
use sea_orm::{ConnectionTrait, DbBackend};
use testkit::TestDb;

use crate::world::*;

/// A database with an entry, an open and an ended hold, and an answered permanent record.
async fn furnished(db: &TestDb) {
    let wallet = account(AVAILABLE, 1);
    fund(db, 1, &wallet, 1_000).await;
    let tx = db.begin("test").await.unwrap();
    for hold in [10, 11] {
        let new = NewHold {
            id: id(hold),
            mode: Mode::Test,
            owner: id(1),
            amount: eur(100),
            available: AVAILABLE,
            held: HELD,
            reference: None,
            at: at(0),
        };
        holds::place(&tx, new).await.unwrap();
    }
    holds::release(&tx, id(11), at(1)).await.unwrap();
    let rpc = Scope::rpc(Mode::Test, id(1), "reserve");
    claim(&tx, &rpc, "k1", [7; 32], at(0)).await.unwrap();
    store(&tx, &rpc, "k1", 200, &serde_json::json!({})).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn history_cannot_be_rewritten() {
    for db in databases().await {
        furnished(&db).await;
        let mut forbidden = vec![
            ("UPDATE ledger_tx SET kind = 'gift'", "append-only"),
            ("DELETE FROM ledger_tx", "append-only"),
            ("UPDATE ledger_entry SET amount = amount + 1", "append-only"),
            ("UPDATE ledger_entry SET reference = NULL", "append-only"),
            ("DELETE FROM ledger_entry", "append-only"),
            ("UPDATE ledger_account SET rule = 'signed'", "keeps its key"),
            ("UPDATE ledger_account SET currency = 'USD'", "keeps its key"),
            ("DELETE FROM ledger_account", "keeps its key"),
            ("UPDATE ledger_hold SET amount = 1", "keeps what it was placed with"),
            ("UPDATE ledger_hold SET state = 'held', ended_at = NULL", "ends once"),
            ("UPDATE ledger_hold SET state = 'captured' WHERE state = 'released'", "ends once"),
            ("DELETE FROM ledger_hold", "never deleted"),
            ("UPDATE ledger_idempotency SET status = 500", "given once"),
            ("DELETE FROM ledger_idempotency", "stay"),
            // The last line behind the code: the checks.
            (
                "UPDATE ledger_account SET balance = -1 WHERE rule = 'non_negative'",
                "ledger_account_rule",
            ),
            (
                "UPDATE ledger_account SET balance = 0 WHERE rule = 'clearing'",
                "ledger_account_rule",
            ),
            (
                "UPDATE ledger_hold SET state = 'lost', ended_at = 1 WHERE state = 'held'",
                "ledger_hold_state",
            ),
        ];
        forbidden.extend(match db.engine() {
            DbBackend::Postgres => [
                ("TRUNCATE ledger_tx CASCADE", "append-only"),
                ("TRUNCATE ledger_entry", "append-only"),
                ("TRUNCATE ledger_hold", "never deleted"),
            ],
            _ => [
                (
                    "INSERT OR REPLACE INTO ledger_tx SELECT op_id, 'gift', 0 FROM ledger_tx",
                    "append-only",
                ),
                (
                    "INSERT OR REPLACE INTO ledger_entry \
                     SELECT id, op_id, seq, account_id, 1, 1, NULL FROM ledger_entry",
                    "append-only",
                ),
                ("UPDATE ledger_account SET balance = 0.5 WHERE rule = 'non_negative'", "REAL"),
            ],
        });
        let before = counts(&db).await;
        for (sql, reason) in forbidden {
            let error = db.write().execute_unprepared(sql).await;
            let error = error.expect_err(sql).to_string();
            assert!(error.contains(reason), "{db}: {sql}: {error}");
        }
        assert_eq!(counts(&db).await, before, "{db}");
        assert_sound(&db).await;
    }
}

#[tokio::test]
async fn a_missing_guard_is_noticed() {
    for db in databases().await {
        assert_eq!(ledger::missing_guards(db.read()).await.unwrap(), [""; 0], "{db}");
        let sql = match db.engine() {
            DbBackend::Postgres => {
                "ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_no_delete"
            }
            _ => "DROP TRIGGER ledger_entry_no_delete",
        };
        db.write().execute_unprepared(sql).await.unwrap();
        let missing = ledger::missing_guards(db.read()).await.unwrap();
        assert_eq!(missing, ["ledger_entry_no_delete"], "{db}");
    }
}

async fn counts(db: &TestDb) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in
        ["ledger_account", "ledger_tx", "ledger_entry", "ledger_hold", "ledger_idempotency"]
    {
        let sql = format!("SELECT COUNT(*) AS n FROM {table}");
        let query = sea_orm::Statement::from_string(db.engine(), sql);
        let row = db.read().query_one_raw(query).await.unwrap().unwrap();
        counts.push(row.try_get("", "n").unwrap());
    }
    counts
}

#[tokio::test]
async fn a_machine_begins_and_goes_as_its_table_says() {
    use ledger::guard::{Guard, install};
    use sea_orm_migration::SchemaManager;

    for db in databases().await {
        let conn = db.write();
        conn.execute_unprepared("CREATE TABLE door (id INTEGER NOT NULL, state TEXT NOT NULL)")
            .await
            .unwrap();
        let guards = Guard::machine("door", &["closed"], &[("closed", "open"), ("open", "closed")]);
        install(&SchemaManager::new(conn), &guards).await.unwrap();
        let states = ["closed", "open", "broken"];
        for (id, state) in states.into_iter().enumerate() {
            let sql = format!("INSERT INTO door (id, state) VALUES ({id}, '{state}')");
            assert_eq!(
                conn.execute_unprepared(&sql).await.is_ok(),
                state == "closed",
                "{state} {db}"
            );
        }
        for (from, to) in states.into_iter().flat_map(|from| states.map(|to| (from, to))) {
            let tx = db.begin("test").await.unwrap();
            if from == "open" {
                tx.execute_unprepared("UPDATE door SET state = 'open'").await.unwrap();
            }
            let went = tx.execute_unprepared(&format!("UPDATE door SET state = '{to}'")).await;
            if from != "broken" {
                assert_eq!(went.is_ok(), to != "broken", "{from} to {to} on {db}: {went:?}");
            }
        }
    }
}
