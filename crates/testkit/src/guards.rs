//! Whether a database itself refuses what its machines and histories do not allow, tried row by row
//! in raw SQL on both engines.

use platform::Db;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

/// A table whose rows have a `state`, and what the domain's table says about it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The table.
    pub table: &'static str,
    /// Every state.
    pub states: Vec<&'static str>,
    /// States in which a row begins.
    pub begins: Vec<&'static str>,
    /// Steps from one state to another.
    pub steps: Vec<(&'static str, &'static str)>,
}

/// Tries every beginning and every step, and returns those of which the database and the machine
/// think differently. The table needs a row.
///
/// # Panics
/// When the database fails, or the table is empty.
pub async fn disagreements(db: &Db, machine: &Machine) -> Vec<String> {
    let Machine { table, states, begins, steps } = machine;
    let mut found = Vec::new();
    for state in states {
        let refused = refuses_beginning(db, table, state).await;
        if refused == begins.contains(state) {
            found.push(format!("{table} begins as {state}: refused {refused}"));
        }
    }
    for from in states {
        for (to, refused) in refused_steps(db, table, states, from).await {
            let allowed = *from == to || steps.contains(&(from, to));
            if refused == allowed {
                found.push(format!("{table} goes from {from} to {to}: refused {refused}"));
            }
        }
    }
    found
}

/// Tries to change, to delete and, where there is such a thing, to truncate. Returns what was not
/// refused. The table needs a row.
///
/// # Panics
/// When the database fails, or the table is empty.
pub async fn rewritable(db: &Db, table: &str) -> Vec<String> {
    assert!(count(db, table).await > 0, "{table} has no row to try on");
    let column = &columns(db, table).await[0];
    let mut tries =
        vec![format!("UPDATE {table} SET {column} = {column}"), format!("DELETE FROM {table}")];
    if db.engine() == DbBackend::Postgres {
        tries.push(format!("TRUNCATE {table} CASCADE"));
    }
    let mut found = Vec::new();
    for sql in tries {
        let tx = db.begin("test").await.expect("a transaction");
        if tx.execute_unprepared(&sql).await.is_ok() {
            found.push(sql);
        }
        tx.rollback().await.expect("a rollback");
    }
    found
}

/// The tables that have a column `state`.
///
/// # Panics
/// When the database fails.
pub async fn tables_with_a_state(db: &Db) -> Vec<String> {
    let sql = match db.engine() {
        DbBackend::Postgres => {
            "SELECT table_name::text AS name FROM information_schema.columns \
             WHERE table_schema = current_schema() AND column_name = 'state' ORDER BY 1"
        }
        _ => {
            "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND c.name = 'state' ORDER BY 1"
        }
    };
    texts(db.read(), sql, "name").await
}

/// A copy of a row in another state: a guard speaks before the copy is found to be one.
async fn refuses_beginning(db: &Db, table: &str, state: &str) -> bool {
    assert!(count(db, table).await > 0, "{table} has no row to try on");
    let names = columns(db, table).await;
    let values: Vec<String> = names
        .iter()
        .map(|name| if name == "state" { format!("'{state}'") } else { name.clone() })
        .collect();
    let sql = format!(
        "INSERT INTO {table} ({}) SELECT {} FROM {table} LIMIT 1",
        names.join(", "),
        values.join(", ")
    );
    let tx = db.begin("test").await.expect("a transaction");
    let error = tx.execute_unprepared(&sql).await.err().map(|error| error.to_string());
    tx.rollback().await.expect("a rollback");
    error.is_some_and(|error| error.contains("does not begin in this state"))
}

/// Which steps from a state the guard refuses. A row is put into the state with every guard and check
/// out of the way, then only the guard of steps is put back, as it was found.
async fn refused_steps(
    db: &Db,
    table: &str,
    states: &[&'static str],
    from: &str,
) -> Vec<(&'static str, bool)> {
    let tx = db.begin("test").await.expect("a transaction");
    let guard = definition(&tx, &format!("{table}_goes")).await;
    for trigger in triggers(&tx, table).await {
        let drop = match db.engine() {
            DbBackend::Postgres => format!("DROP TRIGGER {trigger} ON {table}"),
            _ => format!("DROP TRIGGER {trigger}"),
        };
        tx.execute_unprepared(&drop).await.expect("a trigger can be dropped");
    }
    lift_checks(&tx, table).await;
    let set = format!("UPDATE {table} SET state = '{from}'");
    tx.execute_unprepared(&set).await.unwrap_or_else(|error| panic!("{set}: {error}"));
    tx.execute_unprepared(&guard).await.expect("the guard can be put back");
    let mut tried = Vec::new();
    for to in states {
        let part = tx.savepoint().await.expect("a savepoint");
        let step = format!("UPDATE {table} SET state = '{to}'");
        let error = part.execute_unprepared(&step).await.err().map(|error| error.to_string());
        part.rollback().await.expect("a rollback");
        tried.push((*to, error.is_some_and(|error| error.contains("does not go from its state"))));
    }
    tx.rollback().await.expect("a rollback");
    if db.engine() == DbBackend::Sqlite {
        let on = "PRAGMA ignore_check_constraints = OFF";
        db.write().execute_unprepared(on).await.expect("a pragma");
    }
    tried
}

async fn lift_checks(tx: &impl ConnectionTrait, table: &str) {
    if tx.get_database_backend() != DbBackend::Postgres {
        let off = "PRAGMA ignore_check_constraints = ON";
        tx.execute_unprepared(off).await.expect("a pragma");
        return;
    }
    let sql = format!(
        "SELECT conname::text AS name FROM pg_constraint WHERE contype = 'c' \
         AND conrelid = '{table}'::regclass"
    );
    for name in texts(tx, &sql, "name").await {
        let drop = format!("ALTER TABLE {table} DROP CONSTRAINT {name}");
        tx.execute_unprepared(&drop).await.expect("a check can be dropped");
    }
    let unique = format!(
        "SELECT indexrelid::regclass::text AS name FROM pg_index \
         WHERE indrelid = '{table}'::regclass AND indisunique AND indpred IS NOT NULL"
    );
    for name in texts(tx, &unique, "name").await {
        tx.execute_unprepared(&format!("DROP INDEX {name}"))
            .await
            .expect("an index can be dropped");
    }
}

async fn definition(tx: &impl ConnectionTrait, trigger: &str) -> String {
    let sql = match tx.get_database_backend() {
        DbBackend::Postgres => format!(
            "SELECT pg_get_triggerdef(t.oid) AS sql FROM pg_trigger t \
             JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname = '{trigger}' \
             AND c.relnamespace = current_schema()::regnamespace"
        ),
        _ => format!("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = '{trigger}'"),
    };
    let found = texts(tx, &sql, "sql").await;
    found.into_iter().next().unwrap_or_else(|| panic!("there is no guard {trigger}"))
}

async fn triggers(tx: &impl ConnectionTrait, table: &str) -> Vec<String> {
    let sql = match tx.get_database_backend() {
        DbBackend::Postgres => format!(
            "SELECT tgname::text AS name FROM pg_trigger \
             WHERE NOT tgisinternal AND tgrelid = '{table}'::regclass"
        ),
        _ => format!(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{table}'"
        ),
    };
    texts(tx, &sql, "name").await
}

async fn columns(db: &Db, table: &str) -> Vec<String> {
    let sql = match db.engine() {
        DbBackend::Postgres => format!(
            "SELECT column_name::text AS name FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = '{table}' ORDER BY ordinal_position"
        ),
        _ => format!("SELECT name FROM pragma_table_info('{table}')"),
    };
    texts(db.read(), &sql, "name").await
}

async fn count(db: &Db, table: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) AS n FROM {table}");
    let row = db.read().query_one_raw(Statement::from_string(db.engine(), sql)).await;
    let row = row.expect("a count").expect("a count has a row");
    row.try_get("", "n").expect("a count is a number")
}

async fn texts(conn: &impl ConnectionTrait, sql: &str, name: &str) -> Vec<String> {
    let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await;
    let text = |row: &sea_orm::QueryResult| row.try_get("", name).expect("a name is text");
    rows.expect("the schema can be read").iter().map(text).collect()
}
