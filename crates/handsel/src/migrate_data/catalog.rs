//! Which tables and columns there are.

use std::collections::{BTreeMap, BTreeSet};

use platform::Db;
use sea_orm::{ConnectionTrait as _, DbErr, FromQueryResult as _, Statement};

/// What migrations write for themselves.
const MIGRATIONS: &str = "seaql_migrations";

/// A table on PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

/// One of its columns.
#[derive(Clone, Debug, PartialEq, Eq, sea_orm::FromQueryResult)]
pub(super) struct Column {
    pub(super) name: String,
    /// As the catalogue calls it, such as `bigint`.
    pub(super) kind: String,
    /// Whether the server counts it upwards.
    pub(super) is_serial: bool,
}

#[derive(sea_orm::FromQueryResult)]
struct Reference {
    from_table: String,
    to_table: String,
}

/// The tables of the schema, each after those that it refers to.
///
/// # Errors
/// When they cannot be read, or refer to each other in a circle.
pub(super) async fn tables(db: &Db) -> anyhow::Result<Vec<Table>> {
    let names = names(
        db,
        "SELECT table_name::text AS name FROM information_schema.tables
         WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'",
    );
    let references = Reference::find_by_statement(Statement::from_string(
        db.engine(),
        "SELECT source.relname::text AS from_table, target.relname::text AS to_table
         FROM pg_constraint
         JOIN pg_class source ON source.oid = conrelid
         JOIN pg_class target ON target.oid = confrelid
         WHERE contype = 'f' AND connamespace = current_schema()::regnamespace",
    ));
    let mut open = names.await?;
    let references = references.all(db.read()).await?;
    let mut tables = Vec::new();
    while !open.is_empty() {
        let waits = |name: &String| {
            let mut targets = references.iter().filter(|reference| reference.from_table == *name);
            targets
                .any(|reference| reference.to_table != *name && open.contains(&reference.to_table))
        };
        let (waiting, next): (BTreeSet<String>, BTreeSet<String>) =
            open.iter().cloned().partition(waits);
        anyhow::ensure!(!next.is_empty(), "the tables {open:?} refer to each other");
        for name in next {
            let columns = columns(db, &name).await?;
            tables.push(Table { name, columns });
        }
        open = waiting;
    }
    Ok(tables)
}

async fn columns(db: &Db, table: &str) -> Result<Vec<Column>, DbErr> {
    let sql = "SELECT column_name::text AS name, data_type::text AS kind,
                      is_identity = 'YES' AS is_serial
               FROM information_schema.columns
               WHERE table_schema = current_schema() AND table_name = $1
               ORDER BY ordinal_position";
    let statement = Statement::from_sql_and_values(db.engine(), sql, [table.into()]);
    Column::find_by_statement(statement).all(db.read()).await
}

/// How many rows these tables have.
///
/// # Errors
/// When they cannot be counted.
pub(super) async fn count(db: &Db, tables: &[Table]) -> Result<BTreeMap<String, u64>, DbErr> {
    let mut counts = BTreeMap::new();
    for table in tables {
        counts.insert(table.name.clone(), rows(db, &table.name).await?);
    }
    Ok(counts)
}

/// How many rows each table of a SQLite file has.
///
/// # Errors
/// When they cannot be counted.
pub(super) async fn count_sqlite(db: &Db) -> Result<BTreeMap<String, u64>, DbErr> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut counts = BTreeMap::new();
    for name in names(db, sql).await? {
        let rows = rows(db, &name).await?;
        counts.insert(name, rows);
    }
    Ok(counts)
}

async fn names(db: &Db, sql: &str) -> Result<BTreeSet<String>, DbErr> {
    let rows = db.read().query_all_raw(Statement::from_string(db.engine(), sql)).await?;
    let names =
        rows.iter().map(|row| row.try_get("", "name")).collect::<Result<Vec<String>, _>>()?;
    Ok(names.into_iter().filter(|name| name != MIGRATIONS).collect())
}

async fn rows(db: &Db, table: &str) -> Result<u64, DbErr> {
    let sql = format!("SELECT COUNT(*) AS n FROM \"{table}\"");
    let row = db.read().query_one_raw(Statement::from_string(db.engine(), sql)).await?;
    let n: i64 = row.map_or(Ok(0), |row| row.try_get("", "n"))?;
    Ok(u64::try_from(n).unwrap_or(0))
}
