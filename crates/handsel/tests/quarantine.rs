//! A backup of a live installation, restored: it holds still until it matches the world.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    path::Path,
    process::{Command, Output},
};

use platform::Db;
use sea_orm::ConnectionTrait as _;

fn handsel(folder: &Path, args: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_handsel"))
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout) + &text(stderr))
}

fn restore(folder: &Path) {
    for service in ["giveaway", "giftcard", "processor"] {
        for left_over in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.join(format!("data/{service}.db{left_over}")));
        }
        let (from, to) = (format!("copies/{service}.db"), format!("data/{service}.db"));
        std::fs::copy(folder.join(from), folder.join(to)).unwrap();
    }
}

#[tokio::test]
async fn a_restored_backup_is_in_quarantine_until_it_matches() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    let demo = ["demo", "--exit", "--seed", "5", "--rows", "60", "--data", "data"];
    assert_eq!(handsel(folder, &demo).0, 0);
    let at = ["--data", "data"];
    let run = |args: &[&str]| handsel(folder, &[args, &at].concat());

    assert_eq!(run(&["quarantine", "show"]).0, 0, "a live database is free");
    let (code, said) = run(&["backup", "--to", "copies"]);
    assert_eq!(code, 0, "{said}");
    assert_ne!(run(&["backup", "--to", "copies"]).0, 0, "a copy is not overwritten");
    assert_eq!(run(&["quarantine", "show"]).0, 0, "the copy is marked, not what was copied");

    restore(folder);
    let (code, said) = run(&["quarantine", "show"]);
    assert!(code == 1 && said.contains("giftcard: in quarantine since"), "{said}");
    let (code, said) = run(&["quarantine", "lift"]);
    assert!(code == 0 && said.contains("giveaway: lifted"), "{said}");
    assert_eq!(run(&["quarantine", "show"]).0, 0);

    // The bank did something after the copy was taken, which the copy cannot know.
    restore(folder);
    let bank = Db::sqlite(&folder.join("data/bank.db")).await.unwrap();
    let unknown = "INSERT INTO effects \
        (at_ms, kind, object_id, reference, amount_minor, cost_minor, currency, destination) \
        VALUES (0, 'transfer.paid', 'tr_unknown', 'stl_unknown_1', 5, 0, 'EUR', 'acct_x')";
    bank.write().execute_unprepared(unknown).await.unwrap();
    bank.close().await;
    let (code, said) = run(&["quarantine", "lift"]);
    assert!(code == 1 && said.contains("tr_unknown"), "{said}");
    assert_eq!(run(&["quarantine", "show"]).0, 1);
    assert_eq!(run(&["quarantine", "lift", "--accept"]).0, 0);
    assert_eq!(run(&["quarantine", "show"]).0, 0);
    let (code, said) = run(&["quarantine", "begin", "--reason", "drill"]);
    assert!(code == 0 && said.contains("in quarantine"), "{said}");
    let (code, said) = run(&["quarantine", "show", "--json"]);
    assert!(code == 1 && said.contains("drill"), "{said}");
}
