//! Many stories from one: every row again, as often as is asked for, with names of its own.
//!
//! An id is a UUID, in a column of its own or behind a prefix in text. In the `k`-th copy its last four
//! bytes are `k`, wherever it stands, so rows that belonged together still do, also between databases.
//! The other twelve bytes tell the ids of one story apart.

use platform::{Db, Tx};
use sea_orm::{ConnectionTrait as _, DbBackend, FromQueryResult, Statement};

/// A column, as the database describes it.
#[derive(Debug, FromQueryResult)]
struct Column {
    name: String,
    kind: String,
    /// Whether the database counts it up.
    is_counted: bool,
}

/// Adds so many copies of every row, and tells how many rows that were. Rows that exist once, such as
/// a sweep's place, stay as they are.
///
/// # Errors
/// When the database cannot be changed.
pub(super) async fn add(db: &Db, copies: u32) -> anyhow::Result<u64> {
    let tx = db.begin("bench_copies").await?;
    if db.engine() == DbBackend::Sqlite {
        // There a table may be older than what it refers to.
        tx.execute_unprepared("PRAGMA defer_foreign_keys = ON").await?;
    }
    let mut added = 0;
    let tables = set_free(&tx).await?;
    keep(&tx, &tables).await?;
    for table in tables {
        added += copy(&tx, &table, copies).await?;
    }
    tx.execute_unprepared("DROP TABLE kept").await?;
    tx.commit().await?;
    if db.engine() == DbBackend::Postgres {
        // As its own housekeeping would, before long.
        db.write().execute_unprepared("ANALYZE").await?;
    }
    Ok(added)
}

/// All tables, the oldest first. Their triggers ask every row for its past, step by
/// step, which a copy does not have, and nothing is written after it.
async fn set_free(tx: &Tx) -> anyhow::Result<Vec<String>> {
    let (tables, prepare) = match tx.get_database_backend() {
        DbBackend::Postgres => (
            "SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = current_schema() AND c.relkind = 'r' ORDER BY c.oid",
            "SELECT format('ALTER TABLE %I DISABLE TRIGGER USER', c.relname) AS name \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = current_schema() AND c.relkind = 'r'",
        ),
        _ => (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
             ORDER BY rowid",
            "SELECT 'DROP TRIGGER \"' || name || '\"' AS name FROM sqlite_master \
             WHERE type = 'trigger'",
        ),
    };
    for sql in names(tx, prepare).await? {
        tx.execute_unprepared(&sql).await?;
    }
    names(tx, tables).await
}

/// Whose names all copies share: nobody, and accounts that belong to nobody.
async fn keep(tx: &Tx, tables: &[String]) -> anyhow::Result<()> {
    let nobody = match tx.get_database_backend() {
        DbBackend::Postgres => "'00000000-0000-0000-0000-000000000000'::uuid",
        _ => "zeroblob(16)",
    };
    tx.execute_unprepared(&format!("CREATE TEMP TABLE kept AS SELECT {nobody} AS id")).await?;
    if tables.iter().any(|table| table == "ledger_account") {
        let sql =
            "INSERT INTO kept SELECT id FROM ledger_account WHERE owner IN (SELECT id FROM kept)";
        tx.execute_unprepared(sql).await?;
    }
    Ok(())
}

async fn names(tx: &Tx, sql: &str) -> anyhow::Result<Vec<String>> {
    let rows = tx.query_all_raw(Statement::from_string(tx.get_database_backend(), sql)).await?;
    Ok(rows.iter().map(|row| row.try_get("", "name")).collect::<Result<_, _>>()?)
}

async fn copy(tx: &Tx, table: &str, copies: u32) -> anyhow::Result<u64> {
    let columns = columns(tx, table).await?;
    let list: Vec<_> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let renamed: Vec<_> =
        columns.iter().map(|column| column.in_a_copy(tx.get_database_backend())).collect();
    let (list, renamed) = (list.join(", "), renamed.join(", "));
    // One copy after the other, as they would have happened.
    let counted = match tx.get_database_backend() {
        DbBackend::Postgres => "OVERRIDING SYSTEM VALUE",
        _ => "",
    };
    let insert = format!(
        "INSERT INTO \"{table}\" ({list}) {counted} \
         WITH RECURSIVE copies(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM copies WHERE k < {copies}) \
         SELECT {renamed} FROM copies CROSS JOIN story WHERE TRUE ON CONFLICT DO NOTHING"
    );
    tx.execute_unprepared(&format!("CREATE TEMP TABLE story AS SELECT * FROM \"{table}\"")).await?;
    let added = tx.execute_unprepared(&insert).await?.rows_affected();
    tx.execute_unprepared("DROP TABLE story").await?;
    Ok(added)
}

async fn columns(tx: &Tx, table: &str) -> anyhow::Result<Vec<Column>> {
    let engine = tx.get_database_backend();
    let sql = match engine {
        DbBackend::Postgres => {
            "SELECT column_name::text AS name, data_type::text AS kind, \
             (is_identity = 'YES' OR COALESCE(column_default, '') LIKE 'nextval%') AS is_counted \
             FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position"
        }
        _ => {
            "SELECT c.name, lower(c.type) AS kind, c.pk = 1 AND lower(c.type) = 'integer' \
             AND (SELECT COUNT(*) FROM pragma_table_info($1) WHERE pk > 0) = 1 AS is_counted \
             FROM pragma_table_info($1) c ORDER BY c.cid"
        }
    };
    let query = Statement::from_sql_and_values(engine, sql, [table.into()]);
    Ok(Column::find_by_statement(query).all(tx).await?)
}

impl Column {
    /// What stands in the `k`-th copy of a row of `story`.
    fn in_a_copy(&self, engine: DbBackend) -> String {
        let is_postgres = engine == DbBackend::Postgres;
        let name = format!("story.\"{}\"", self.name);
        let k = if is_postgres { "lpad(to_hex(k), 8, '0')" } else { "printf('%08x', k)" };
        if self.is_counted {
            return format!("{name} + k * (SELECT MAX({name}) FROM story)");
        }
        match self.kind.as_str() {
            "uuid" => format!(
                "CASE WHEN {name} IN (SELECT id FROM kept) THEN {name} \
                 ELSE (substr({name}::text, 1, 28) || {k})::uuid END"
            ),
            // Ids, digests and one-time numbers.
            "bytea" => format!(
                "CASE WHEN length({name}) IN (16, 32) \
                 THEN substr({name}, 1, length({name}) - 4) || decode({k}, 'hex') ELSE {name} END"
            ),
            "blob" => format!(
                "CASE WHEN length({name}) IN (16, 32) AND {name} NOT IN (SELECT id FROM kept) \
                 THEN CAST(substr({name}, 1, length({name}) - 4) || unhex({k}) AS BLOB) ELSE {name} END"
            ),
            "text" if is_postgres => format!(
                "CASE WHEN {name} ~ '^[a-z]{{3}}_[0-9a-f]{{32}}' \
                 THEN substr({name}, 1, 28) || {k} || substr({name}, 37) ELSE {name} END"
            ),
            "text" => format!(
                "CASE WHEN length({name}) >= 36 AND substr({name}, 4, 1) = '_' \
                 AND substr({name}, 5, 32) NOT GLOB '*[^0-9a-f]*' \
                 THEN substr({name}, 1, 28) || {k} || substr({name}, 37) ELSE {name} END"
            ),
            _ => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row of each kind in two tables that belong together, and what stays alone.
    const TABLES: [&str; 4] = [
        "CREATE TABLE ledger_account (id BLOB PRIMARY KEY, owner BLOB NOT NULL)",
        "CREATE TABLE host (id TEXT PRIMARY KEY, owner BLOB NOT NULL UNIQUE, nobody BLOB NOT NULL)",
        "CREATE TABLE entry (id INTEGER PRIMARY KEY, host TEXT NOT NULL REFERENCES host (id), \
         owner BLOB NOT NULL REFERENCES host (owner), note TEXT NOT NULL)",
        "CREATE TABLE place (name TEXT PRIMARY KEY)",
    ];

    const OWNER: &str = "x'000102030405060708090a0b0c0d0e0f'";
    /// Accounts of nobody, and of somebody.
    const ALL: &str = "x'100102030405060708090a0b0c0d0e0f'";
    const ONE: &str = "x'200102030405060708090a0b0c0d0e0f'";

    #[tokio::test]
    async fn what_belonged_together_still_does() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::sqlite(&dir.path().join("copies.db")).await.unwrap();
        for sql in TABLES {
            db.write().execute_unprepared(sql).await.unwrap();
        }
        let id = "hst_0123456789abcdef0123456789abcdef";
        for sql in [
            format!("INSERT INTO host VALUES ('{id}', {OWNER}, zeroblob(16))"),
            format!("INSERT INTO entry SELECT 1, id, owner, 'of {id}' FROM host"),
            "INSERT INTO entry SELECT 2, id, owner, id || '_1' FROM host".to_owned(),
            "INSERT INTO place VALUES ('sweep')".to_owned(),
            format!("INSERT INTO ledger_account VALUES ({ALL}, zeroblob(16)), ({ONE}, {OWNER})"),
            "CREATE TRIGGER no_more BEFORE INSERT ON host BEGIN SELECT RAISE(ABORT, 'no'); END"
                .to_owned(),
        ] {
            db.write().execute_unprepared(&sql).await.unwrap();
        }
        assert_eq!(add(&db, 300).await.unwrap(), 300 + 600 + 300);
        let count = async |sql: &str| {
            let query =
                Statement::from_string(DbBackend::Sqlite, format!("SELECT (SELECT {sql}) AS n"));
            let row = db.read().query_one_raw(query).await.unwrap().unwrap();
            row.try_get::<i64>("", "n").unwrap()
        };
        let joined = "COUNT(*) FROM entry e JOIN host h ON h.id = e.host AND h.owner = e.owner";
        assert_eq!(count(joined).await, 602);
        assert_eq!(count("MAX(id) FROM entry").await, 602);
        assert_eq!(count("COUNT(DISTINCT owner) FROM host WHERE nobody = zeroblob(16)").await, 301);
        let last = "COUNT(*) FROM entry WHERE note = 'hst_0123456789abcdef012345670000012c_1'";
        assert_eq!(count(last).await, 1);
        assert_eq!(count("COUNT(DISTINCT note) FROM entry WHERE note LIKE 'of %'").await, 1);
        assert_eq!(count("COUNT(*) FROM place").await, 1);
        assert_eq!(count("COUNT(*) FROM ledger_account WHERE owner = zeroblob(16)").await, 1);
        assert_eq!(count("COUNT(*) FROM ledger_account JOIN host h USING (owner)").await, 301);
    }
}
