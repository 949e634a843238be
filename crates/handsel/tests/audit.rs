//! `handsel audit`, as a process: what was corrupted on purpose is named, one row per invariant.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use platform::Db;
use sea_orm::ConnectionTrait as _;
use serde_json::Value;

const FILES: [&str; 3] = ["giveaway", "giftcard", "bank"];

fn handsel(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handsel"));
    command.args(args).current_dir(folder);
    command
}

/// The exit code and what was printed.
fn run(folder: &Path, args: &[&str]) -> (i32, String) {
    let output = handsel(folder, args).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

/// Changes rows that the database would not let anybody change.
async fn corrupt(folder: &Path, file: &str, sql: &str) {
    let db = Db::sqlite(&folder.join(format!("data/{file}.db"))).await.unwrap();
    testkit::unguard(&db).await;
    let changed = db.write().execute_unprepared(sql).await.unwrap();
    assert!(changed.rows_affected() > 0, "nothing to corrupt: {sql}");
    db.close().await;
}

/// A data folder with the story of the demo in it.
fn told(folder: &Path) {
    let demo = ["demo", "--exit", "--seed", "5", "--rows", "60", "--data", "data"];
    let (code, said) = run(folder, &demo);
    assert_eq!(code, 0, "{said}");
    for file in FILES {
        let path = folder.join(format!("data/{file}.db"));
        assert!(path.exists(), "{file}");
    }
}

fn copy(folder: &Path, from: &str, to: &str) {
    std::fs::create_dir_all(folder.join(to)).unwrap();
    for file in FILES {
        for end in ["", "-wal", "-shm"] {
            let name = format!("{file}.db{end}");
            let (from, to) = (folder.join(from).join(&name), folder.join(to).join(&name));
            let _ = std::fs::remove_file(&to);
            if from.exists() {
                std::fs::copy(from, to).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn one_corrupted_row_of_each_invariant_is_named() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    told(folder);
    copy(folder, "data", "kept");
    assert_eq!(run(folder, &["audit", "--data", "data"]).0, 0);
    let corruptions = [
        (1, "giveaway", "UPDATE ledger_entry SET amount = amount + 1 WHERE rowid = 1", "tx"),
        (2, "giftcard", "UPDATE ledger_account SET balance = balance + 1 WHERE kind = 'card'", ""),
        (3, "giveaway", "UPDATE ledger_hold SET state = 'held' WHERE state = 'captured'", ""),
        (4, "giftcard", "UPDATE redemption SET reversed_minor = amount_minor + 1", "rdm_"),
        (5, "giveaway", "UPDATE prize_unit SET state = 'open' WHERE state = 'filled'", "unt_"),
        (6, "giveaway", "UPDATE saga SET amount_minor = amount_minor + 1", "sga_"),
        (
            7,
            "bank",
            "INSERT INTO effects (at_ms, kind, object_id, reference, amount_minor, cost_minor, \
             currency, destination) VALUES (0, 'transfer.paid', 'tr_nobodys', 'stl_nobodys_1', 5, \
             0, 'EUR', 'acct_x')",
            "tr_nobodys",
        ),
        (8, "giftcard", "UPDATE settlement SET total_minor = total_minor + 1", "stl_"),
        (9, "giveaway", "UPDATE top_up SET state = 'pending'", "top_"),
        (10, "giftcard", "DELETE FROM ledger_entry WHERE reference IS NOT NULL", ""),
        (
            11,
            "giveaway",
            "UPDATE giveaway SET state = 'open', closes_at = 0 WHERE state = 'completed'",
            "gvw_",
        ),
    ];
    for (invariant, file, sql, row) in corruptions {
        copy(folder, "kept", "data");
        corrupt(folder, file, sql).await;
        let (code, said) = run(folder, &["audit", "--data", "data", "--json"]);
        assert_eq!(code, 1, "{sql}: {said}");
        let told: Value = serde_json::from_str(&said).unwrap();
        let found = told["audit"].as_array().unwrap();
        let of_it: Vec<_> =
            found.iter().filter(|violation| violation["invariant"] == invariant).collect();
        let rows = |violation: &&Value| {
            let rows = violation["rows"].as_array().unwrap();
            !rows.is_empty() && rows.iter().any(|named| named.as_str().unwrap().contains(row))
        };
        assert!(of_it.iter().any(rows), "invariant {invariant} after {sql}: {said}");
        let (code, table) = run(folder, &["audit", "--data", "data"]);
        assert!(code == 1 && table.contains(&format!("{invariant:>2}  ")), "{table}");
    }
}

#[tokio::test]
async fn a_watch_tells_each_run_and_remembers_what_it_saw() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    told(folder);
    let watch = ["audit", "--data", "data", "--watch", "1", "--json"];
    let mut child = handsel(folder, &watch).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["audit"], "clean");
    corrupt(folder, "giveaway", "UPDATE top_up SET state = 'pending'").await;
    let broken = std::iter::repeat_with(&mut next).find(|run| run["audit"] != "clean").unwrap();
    assert_eq!(broken["audit"][0]["invariant"], 9, "{broken}");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_provider_that_cannot_be_asked_is_no_clean_audit() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    told(folder);
    let nobody = format!("http://127.0.0.1:{}", testkit::free_port());
    let output = handsel(folder, &["audit", "--data", "data"])
        .env("HANDSEL__PROVIDER__KIND", "stripe")
        .env("HANDSEL__PROVIDER__URL", nobody)
        .env("HANDSEL__PROVIDER__API_KEY", "sk_test_nobody")
        .env("HANDSEL__PROVIDER__WEBHOOK_SECRET", "whsec_nobody")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("invariants 7 and 9 are not known to hold"), "{said}");
}
