//! From SQLite files to PostgreSQL, with everything that a demo leaves behind.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    path::Path,
    process::{Command, Output},
};

use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement};
use testkit::{
    ServerDatabase,
    fleet::{OWNER, ROLES},
    server_database,
};

fn handsel(folder: &Path, database: Option<&ServerDatabase>, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handsel"));
    command.args(args).args(["--data", "data"]).current_dir(folder);
    for service in ["GIVEAWAY", "GIFTCARD", "PROCESSOR"] {
        if let Some(database) = database {
            let key = format!("HANDSEL__{service}__DATABASE__URL");
            command.env(key, database.url_of(OWNER));
        }
    }
    command.output().unwrap()
}

/// What it printed, if it did its work.
fn done(output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Why it did not.
fn refused(output: Output) -> String {
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

async fn number(connection: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    connection.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn an_installation_moves_to_postgresql() {
    let Some(database) = server_database().await else { return };
    database.execute(ROLES).await;
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (|args: &[&str]| handsel(folder.path(), None, args), Some(&database));
    done(here(&["demo", "--exit", "--seed", "5", "--rows", "250"]));
    let said = refused(here(&["migrate-data"]));
    assert!(said.contains("giveaway.database.url"), "{said}");

    let would = done(handsel(folder.path(), there, &["migrate-data", "--dry-run"]));
    let moved = done(handsel(folder.path(), there, &["migrate-data"]));
    for service in ["giveaway", "giftcard", "processor"] {
        let rows = |text: &str, verb: &str| {
            let start = format!("{service}: {verb} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&start)).unwrap();
            line.split(' ').next().unwrap().parse::<u64>().unwrap()
        };
        assert_eq!(rows(&moved, "moved"), rows(&would, "would move"));
        assert!(rows(&moved, "moved") > 0, "{moved}");
    }

    // All books together, by the rows that are there now.
    done(handsel(folder.path(), there, &["audit"]));
    let connection = Database::connect(database.url_of(OWNER)).await.unwrap();
    let entries = "SELECT count(*) FROM giveaway.ledger_entry";
    assert!(number(&connection, entries).await > 0);
    // What was written once stays as it is there, too, and numbers go on.
    let change = connection.execute_unprepared("UPDATE giveaway.ledger_entry SET amount = amount");
    let refused_by = change.await.unwrap_err().to_string();
    assert!(refused_by.contains("append-only"), "{refused_by}");
    let last = "SELECT coalesce(last_value, 0) FROM pg_sequences \
                WHERE schemaname = 'giveaway' AND sequencename LIKE 'ledger_entry%'";
    let largest = "SELECT max(id) FROM giveaway.ledger_entry";
    assert_eq!(number(&connection, last).await, number(&connection, largest).await);
    connection.close().await.unwrap();

    // Nobody works with the files any more, and a second run finds what the first did.
    let said = refused(here(&["demo", "--exit", "--seed", "5", "--rows", "250"]));
    assert!(said.contains("moved to PostgreSQL"), "{said}");
    let again = done(handsel(folder.path(), there, &["migrate-data"]));
    assert_eq!(again.matches("was moved before").count(), 3, "{again}");
    database.execute("DELETE FROM processor.sent_mail").await;
    let said = refused(handsel(folder.path(), there, &["migrate-data"]));
    assert!(said.contains("in use"), "{said}");
}
