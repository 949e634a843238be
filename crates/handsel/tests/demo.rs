//! `handsel demo` as a newcomer runs it, and what `verify` and `audit` say about its end.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    path::Path,
    process::{Command, Output},
};

use giveaway_api::sample;
use platform::Db;
use sea_orm::ConnectionTrait as _;
use serde_json::Value;

fn handsel(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_handsel")).args(args).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The generator knows what it made; the system counts for itself.
fn check_counts(seed: u64, rows: u32) {
    let folder = tempfile::tempdir().unwrap();
    let sample::Sample { csv, truth } = sample::entrants(seed, rows);
    std::fs::write(folder.path().join("entrants.csv"), csv).unwrap();
    let args = ["demo", "--exit", "--json", "--data", "data", "--entries", "entrants.csv"];
    let told = handsel(folder.path(), &args);
    assert!(told.status.success(), "{}", text(&told.stderr));
    let report: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(report["rows"], truth.rows);
    assert_eq!(report["malformed"], truth.malformed);
    assert_eq!(report["persons"], truth.persons);
    assert_eq!(report["duplicates"], truth.duplicates);
    assert_eq!(report["persons_verified"], truth.persons_verified);
    assert_eq!(report["eligible"], truth.eligible);
    assert_eq!(report["winners"], 20);
    assert_eq!(report["alternates"], 10);
    assert_eq!(report["audit"], "clean");
    let phases = report["phases_ms"].as_object().unwrap();
    assert_eq!(phases.len(), 12);
}

#[test]
fn the_counts_are_those_of_the_file() {
    check_counts(11, 300);
    check_counts(12, 700);
}

#[tokio::test]
async fn the_story_is_readable_verifies_and_its_audit_can_fail() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["demo", "--exit", "--seed", "5", "--rows", "250", "--data", "data"];
    let told = handsel(folder.path(), &args);
    let story = text(&told.stdout);
    assert!(told.status.success(), "{story}{}", text(&told.stderr));
    for sentence in ["Winners claim their cards", "no violation", "€242.75", "audit --data data"]
    {
        assert!(story.contains(sentence), "`{sentence}` is missing:\n{story}");
    }
    assert!(story.lines().all(|line| line.chars().count() <= 120), "{story}");

    let data = folder.path().join("data");
    let transcript = std::fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("transcript-"))
        .unwrap();
    let verified = handsel(folder.path(), &["verify", transcript.to_str().unwrap()]);
    assert_eq!(verified.status.code(), Some(3), "{}", text(&verified.stdout));
    let started = handsel(folder.path(), &["serve", "--data", "data", "--listen", "127.0.0.1:0"]);
    assert!(text(&started.stderr).contains("demo"), "its clock is ahead of the world's");

    let audited = handsel(folder.path(), &["audit", "--data", "data"]);
    assert_eq!(audited.status.code(), Some(0), "{}", text(&audited.stdout));
    let bank = Db::sqlite(&data.join("bank.db")).await.unwrap();
    bank.write()
        .execute_unprepared(
            "INSERT INTO effects \
             (at_ms, kind, object_id, reference, amount_minor, cost_minor, currency, destination) \
             VALUES (0, 'transfer.paid', 'tr_nobodys', 'stl_nobodys_1', 5, 0, 'EUR', 'acct_x')",
        )
        .await
        .unwrap();
    bank.close().await;
    let audited = handsel(folder.path(), &["audit", "--data", "data", "--json"]);
    assert_eq!(audited.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&audited.stdout).unwrap();
    assert_eq!(report["audit"][0]["invariant"], 7);
    assert_eq!(report["audit"][0]["rows"][0], "tr_nobodys");
}
