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
use tempfile::TempDir;
use testkit::ServerDatabase;

const FILES: [&str; 3] = ["giveaway", "giftcard", "bank"];

/// A row that is wrong for each invariant, and how it is named. The databases would not let anybody
/// do this.
const CORRUPTIONS: [(u8, &str, &str, &str); 12] = [
    (
        1,
        "giveaway",
        "UPDATE ledger_entry SET amount = amount + 1 \
         WHERE id = (SELECT MIN(id) FROM ledger_entry)",
        "tx",
    ),
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
    (7, "giftcard", "UPDATE settlement_attempt SET destination = 'acct_x'", "settlement "),
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

fn handsel(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handsel"));
    command.args(args).current_dir(folder);
    command
}

/// The exit code and what was printed.
fn outcome(mut command: Command) -> (i32, String) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

/// An installation in which the story of the demo was told.
struct Told {
    home: TempDir,
    /// What is not in files of the folder `data`.
    database: Option<ServerDatabase>,
}

impl Told {
    /// Everything in files.
    fn on_sqlite() -> Self {
        Self::tell(None)
    }

    /// With the rows of the services in PostgreSQL, where there is one.
    async fn on_postgres() -> Option<Self> {
        Some(Self::tell(Some(testkit::server_database().await?)))
    }

    fn tell(database: Option<ServerDatabase>) -> Self {
        let told = Self { home: tempfile::tempdir().unwrap(), database };
        let mut demo = told.handsel(&["demo", "--exit", "--seed", "5", "--rows", "60"]);
        if let Some(database) = &told.database {
            demo.env("HANDSEL_DEMO_POSTGRES", database.url());
        }
        let (code, said) = outcome(demo);
        assert_eq!(code, 0, "{said}");
        for file in FILES {
            let is_file = file == "bank" || told.database.is_none();
            assert_eq!(told.folder().join(format!("data/{file}.db")).exists(), is_file, "{file}");
        }
        told
    }

    /// The same again, for a test to spoil.
    async fn copy(&self) -> Self {
        let database = match &self.database {
            Some(database) => Some(database.copy().await),
            None => None,
        };
        let copy = Self { home: tempfile::tempdir().unwrap(), database };
        std::fs::create_dir(copy.folder().join("data")).unwrap();
        for file in std::fs::read_dir(self.folder().join("data")).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                let to = copy.folder().join("data").join(file.file_name());
                std::fs::copy(file.path(), to).unwrap();
            }
        }
        copy
    }

    fn folder(&self) -> &Path {
        self.home.path()
    }

    /// A command on this installation.
    fn handsel(&self, args: &[&str]) -> Command {
        let mut command = handsel(self.folder(), args);
        command.args(["--data", "data"]);
        if let Some(database) = &self.database {
            for service in ["GIVEAWAY", "GIFTCARD"] {
                command.env(format!("HANDSEL__{service}__DATABASE__URL"), database.url());
            }
        }
        command
    }

    /// Changes rows that the database would not let anybody change.
    async fn corrupt(&self, books: &str, sql: &str) {
        let db = match &self.database {
            Some(database) if books != "bank" => Db::postgres(&database.url(), books, 1).await,
            _ => Db::sqlite(&self.folder().join(format!("data/{books}.db"))).await,
        };
        let db = db.unwrap();
        testkit::unguard(&db).await;
        let changed = db.write().execute_unprepared(sql).await.unwrap();
        assert!(changed.rows_affected() > 0, "nothing to corrupt: {sql}");
        db.close().await;
    }
}

/// Spoils one row after the other, and expects the command to name each.
async fn check_that_rows_are_named(kept: &Told) {
    let (code, said) = outcome(kept.handsel(&["audit"]));
    assert_eq!(code, 0, "{said}");
    for (invariant, books, sql, row) in CORRUPTIONS {
        let told = kept.copy().await;
        told.corrupt(books, sql).await;
        let (code, said) = outcome(told.handsel(&["audit", "--json"]));
        assert_eq!(code, 1, "{sql}: {said}");
        let report: Value = serde_json::from_str(&said).unwrap();
        let found = report["audit"].as_array().unwrap();
        let of_it: Vec<_> =
            found.iter().filter(|violation| violation["invariant"] == invariant).collect();
        let rows = |violation: &&Value| {
            let rows = violation["rows"].as_array().unwrap();
            !rows.is_empty() && rows.iter().any(|named| named.as_str().unwrap().contains(row))
        };
        assert!(of_it.iter().any(rows), "invariant {invariant} after {sql}: {said}");
        let (code, table) = outcome(told.handsel(&["audit"]));
        let is_told = |line: &str| {
            line.starts_with(&format!("{invariant:>2}  ")) && line.contains("violation")
        };
        assert!(code == 1 && table.lines().any(is_told), "{table}");
    }
}

#[tokio::test]
async fn one_corrupted_row_of_each_invariant_is_named() {
    check_that_rows_are_named(&Told::on_sqlite()).await;
}

#[tokio::test]
async fn one_corrupted_row_of_each_invariant_is_named_on_postgres() {
    if let Some(told) = Told::on_postgres().await {
        check_that_rows_are_named(&told).await;
    }
}

#[tokio::test]
async fn a_story_is_not_told_in_the_database_of_another() {
    let Some(told) = Told::on_postgres().await else { return };
    let url = told.database.as_ref().unwrap().url();
    let again =
        ["demo", "--exit", "--seed", "5", "--rows", "60", "--data", "data", "--postgres", &url];
    let elsewhere = tempfile::tempdir().unwrap();
    let (code, said) = outcome(handsel(elsewhere.path(), &again));
    assert!(code == 2 && said.contains("has something in it"), "{code}: {said}");
    let (code, said) = outcome(handsel(told.folder(), &again));
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn a_watch_tells_each_run_and_remembers_what_it_saw() {
    let told = Told::on_sqlite();
    let watch = ["audit", "--watch", "1", "--json"];
    let mut child = told.handsel(&watch).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["audit"], "clean");
    told.corrupt("giveaway", "UPDATE top_up SET state = 'pending'").await;
    let broken = std::iter::repeat_with(&mut next).find(|run| run["audit"] != "clean").unwrap();
    assert_eq!(broken["audit"][0]["invariant"], 9, "{broken}");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_provider_that_cannot_be_asked_is_no_clean_audit() {
    let told = Told::on_sqlite();
    let nobody = format!("http://127.0.0.1:{}", testkit::free_port());
    let output = told
        .handsel(&["audit"])
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
