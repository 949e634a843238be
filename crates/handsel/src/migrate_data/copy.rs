//! Fills the tables.

use std::fmt::Write as _;

use anyhow::Context as _;
use futures::TryStreamExt as _;
use platform::Db;
use sea_orm::{
    ConnectionTrait as _, DatabaseTransaction, DbBackend, QueryResult, Statement, StreamTrait as _,
    TransactionTrait as _, Value,
};
use uuid::Uuid;

use super::catalog::{Column, Table};

/// Rows in one statement.
const ROWS: usize = 500;

/// The protocol counts the values of a statement with sixteen bits.
const VALUES: usize = 65_535;

/// Copies all rows, in one transaction: afterwards either everything is there or nothing. Returns how many.
///
/// # Errors
/// Names the table that could not be copied.
pub(super) async fn copy(from: &Db, to: &Db, tables: &[Table]) -> anyhow::Result<u64> {
    let tx = to.write().begin().await?;
    // They guard how rows change in time, and would take every row for a new one.
    for table in tables {
        let off = format!("ALTER TABLE \"{}\" DISABLE TRIGGER USER", table.name);
        tx.execute_unprepared(&off).await?;
    }
    let mut rows = 0;
    for table in tables {
        let copied = copy_table(from, &tx, table).await;
        rows += copied.with_context(|| format!("cannot copy {}", table.name))?;
    }
    for table in tables {
        let on = format!("ALTER TABLE \"{}\" ENABLE TRIGGER USER", table.name);
        tx.execute_unprepared(&on).await?;
    }
    tx.commit().await?;
    Ok(rows)
}

async fn copy_table(from: &Db, tx: &DatabaseTransaction, table: &Table) -> anyhow::Result<u64> {
    let names: Vec<String> =
        table.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let select = format!("SELECT {} FROM \"{}\"", names.join(", "), table.name);
    let mut found = from.read().stream_raw(Statement::from_string(from.engine(), select)).await?;
    let at_once = ROWS.min(VALUES / table.columns.len().max(1));
    let (mut rows, mut values) = (0, Vec::new());
    while let Some(row) = found.try_next().await? {
        for column in &table.columns {
            let value = value(&row, column);
            values.push(value.with_context(|| format!("its column {}", column.name))?);
        }
        rows += 1;
        if values.len() == at_once * table.columns.len() {
            insert(tx, table, &names, std::mem::take(&mut values)).await?;
        }
    }
    insert(tx, table, &names, values).await?;
    for column in table.columns.iter().filter(|column| column.is_serial) {
        count_on(tx, table, column).await?;
    }
    Ok(rows)
}

fn value(row: &QueryResult, column: &Column) -> anyhow::Result<Value> {
    let name = column.name.as_str();
    Ok(match column.kind.as_str() {
        "bigint" => row.try_get::<Option<i64>>("", name)?.into(),
        "integer" => row.try_get::<Option<i32>>("", name)?.into(),
        "boolean" => row.try_get::<Option<bool>>("", name)?.into(),
        "text" | "character varying" => row.try_get::<Option<String>>("", name)?.into(),
        "bytea" => row.try_get::<Option<Vec<u8>>>("", name)?.into(),
        "uuid" => row.try_get::<Option<Uuid>>("", name)?.into(),
        kind => anyhow::bail!("nobody said how a {kind} is copied"),
    })
}

async fn insert(
    tx: &DatabaseTransaction,
    table: &Table,
    names: &[String],
    values: Vec<Value>,
) -> anyhow::Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    let mut sql = format!(
        "INSERT INTO \"{}\" ({}) OVERRIDING SYSTEM VALUE VALUES ",
        table.name,
        names.join(", ")
    );
    for n in 0..values.len() {
        sql.push_str(match (n, n % names.len()) {
            (0, _) => "(",
            (_, 0) => "), (",
            _ => ", ",
        });
        write!(sql, "${}", n + 1)?;
    }
    sql.push(')');
    tx.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
    Ok(())
}

/// The server counts on from where SQLite was.
async fn count_on(tx: &DatabaseTransaction, table: &Table, column: &Column) -> anyhow::Result<()> {
    let sql = format!(
        "SELECT setval(pg_get_serial_sequence('\"{0}\"', '{1}'), max(\"{1}\")) FROM \"{0}\"
         HAVING max(\"{1}\") IS NOT NULL",
        table.name, column.name
    );
    tx.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    Ok(())
}
