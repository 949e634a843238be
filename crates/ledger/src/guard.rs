//! Guards: triggers by which the database itself refuses what must never happen.
//!
//! They are the last line behind the code, on both engines alike, and useful to every table of events
//! beside the ledger's own.

use std::{borrow::Cow, collections::BTreeSet};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::SchemaManager;

/// One trigger that refuses a change.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The trigger's name.
    pub name: String,
    /// The table it stands before.
    pub table: String,
    /// What it refuses: `INSERT`, `UPDATE`, `UPDATE OF a, b` or `DELETE`.
    pub event: &'static str,
    /// Refuse only rows for which this holds, in SQL over `OLD` and `NEW` that both engines read.
    pub when: Option<Cow<'static, str>>,
    /// Why, in the words of the error message.
    pub reason: String,
}

impl Guard {
    /// The guards of an append-only table: neither UPDATE nor DELETE. [`install`] adds TRUNCATE where
    /// the engine has it. On SQLite the connection needs `recursive_triggers=ON`, because INSERT OR
    /// REPLACE deletes without asking triggers otherwise.
    pub fn append_only(table: &str) -> [Self; 2] {
        let reason = format!("{table} is append-only");
        ["UPDATE", "DELETE"].map(|event| Self {
            name: format!("{table}_no_{}", event.to_lowercase()),
            table: table.to_owned(),
            event,
            when: None,
            reason: reason.clone(),
        })
    }

    /// The guards of a table whose rows have a `state`: they begin in one of `begins`, and each change
    /// is one of `steps`. Both come from the transition table in the domain, so that the code and the
    /// database cannot disagree about it.
    pub fn machine(table: &str, begins: &[&str], steps: &[(&str, &str)]) -> [Self; 2] {
        let begins: Vec<String> = begins.iter().map(|state| format!("'{state}'")).collect();
        let mut allowed = vec!["OLD.state = NEW.state".to_owned()];
        allowed.extend(
            steps.iter().map(|(from, to)| format!("(OLD.state = '{from}' AND NEW.state = '{to}')")),
        );
        [
            Self {
                name: format!("{table}_begins"),
                table: table.to_owned(),
                event: "INSERT",
                when: Some(format!("NEW.state NOT IN ({})", begins.join(", ")).into()),
                reason: format!("{table} does not begin in this state"),
            },
            Self {
                name: format!("{table}_goes"),
                table: table.to_owned(),
                event: "UPDATE OF state",
                when: Some(format!("NOT ({})", allowed.join(" OR ")).into()),
                reason: format!("{table} does not go from its state to this one"),
            },
        ]
    }
}

/// Creates guards, in a migration. A guard against DELETE of any row also stops TRUNCATE.
///
/// # Errors
/// When the database fails.
pub async fn install(manager: &SchemaManager<'_>, guards: &[Guard]) -> Result<(), DbErr> {
    let db = manager.get_connection();
    if db.get_database_backend() == DbBackend::Postgres {
        db.execute_unprepared(POSTGRES_FUNCTION).await?;
    }
    for (_, sql) in guards.iter().flat_map(|guard| triggers(guard, db.get_database_backend())) {
        db.execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// The guards that the database lacks or has switched off: looked at after migrations, and at start.
///
/// # Errors
/// When the database fails.
pub async fn missing(conn: &impl ConnectionTrait, guards: &[Guard]) -> Result<Vec<String>, DbErr> {
    let sql = match conn.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT t.tgname::text AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
             WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') \
             AND c.relnamespace = current_schema()::regnamespace"
        }
        _ => "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    };
    let engine = conn.get_database_backend();
    let rows = conn.query_all_raw(Statement::from_string(engine, sql)).await?;
    let present =
        rows.iter().map(|row| row.try_get("", "name")).collect::<Result<BTreeSet<String>, _>>()?;
    let expected = guards.iter().flat_map(|guard| triggers(guard, engine));
    Ok(expected.map(|(name, _)| name).filter(|name| !present.contains(name)).collect())
}

/// The reason is the trigger's argument, so that one function serves all.
const POSTGRES_FUNCTION: &str = "CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger \
    LANGUAGE plpgsql AS $$ BEGIN \
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation'; \
    END $$";

/// The triggers of a guard: each one's name and the statement that creates it.
fn triggers(guard: &Guard, engine: DbBackend) -> Vec<(String, String)> {
    let Guard { name, table, event, when, reason } = guard;
    let reason = reason.replace('\'', "''");
    let when = when.as_ref().map(|condition| format!(" WHEN ({condition})")).unwrap_or_default();
    let row = format!("CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW{when}");
    let refuse = format!("EXECUTE FUNCTION ledger_refuse('{reason}')");
    match engine {
        DbBackend::Postgres => {
            let mut triggers = vec![(name.clone(), format!("{row} {refuse}"))];
            if *event == "DELETE" && when.is_empty() {
                let name = format!("{table}_no_truncate");
                let sql = format!(
                    "CREATE TRIGGER {name} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}"
                );
                triggers.push((name, sql));
            }
            triggers
        }
        _ => {
            let refuse = format!("BEGIN SELECT RAISE(ABORT, '{reason}'); END");
            vec![(name.clone(), format!("{row} {refuse}"))]
        }
    }
}
