//! Quarantine: a database that may be older than the world holds still.
//!
//! A restored backup does not know what happened after it was taken: transfers that the provider made,
//! cards that were issued, escrows that were funded. Until the provider's list and the escrows of both
//! services match again, nothing that moves money outwards may start. The mark is a row, so that
//! every instance sees it; taking it away is a row too, so that history stays.

use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::prelude::*;

/// A quarantine that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// Since when, Unix milliseconds.
    pub since_ms: i64,
    /// Why.
    pub reason: String,
}

/// Begins a quarantine. One that is in force goes on, with the reason that it had.
///
/// # Errors
/// When the database fails.
pub async fn begin<C: ConnectionTrait>(conn: &C, reason: &str, now_ms: i64) -> Result<(), DbErr> {
    let sql = "INSERT INTO quarantine (since_ms, reason) SELECT $1, $2 \
               WHERE NOT EXISTS (SELECT 1 FROM quarantine WHERE lifted_ms IS NULL)";
    let values = [now_ms.into(), reason.into()];
    let backend = conn.get_database_backend();
    conn.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    Ok(())
}

/// The quarantine in force, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(conn: &C) -> Result<Option<Quarantine>, DbErr> {
    let sql = "SELECT since_ms, reason FROM quarantine WHERE lifted_ms IS NULL";
    let backend = conn.get_database_backend();
    let row = conn.query_one_raw(Statement::from_string(backend, sql)).await?;
    row.map(|row| {
        Ok(Quarantine {
            since_ms: row.try_get("", "since_ms")?,
            reason: row.try_get("", "reason")?,
        })
    })
    .transpose()
}

/// Ends the quarantine. Returns whether there was one.
///
/// # Errors
/// When the database fails.
pub async fn lift<C: ConnectionTrait>(conn: &C, now_ms: i64) -> Result<bool, DbErr> {
    let sql = "UPDATE quarantine SET lifted_ms = $1 WHERE lifted_ms IS NULL";
    let backend = conn.get_database_backend();
    let lifted =
        conn.execute_raw(Statement::from_sql_and_values(backend, sql, [now_ms.into()])).await?;
    Ok(lifted.rows_affected() > 0)
}

/// Makes a copy of a database begin its life in quarantine, whatever version it is of: nobody knows
/// what will have happened by the time that it is used.
///
/// # Errors
/// When the database fails.
pub async fn begin_in_copy<C: ConnectionTrait>(
    conn: &C,
    reason: &str,
    now_ms: i64,
) -> Result<(), DbErr> {
    create_table(conn).await?;
    begin(conn, reason, now_ms).await
}

/// The table may be there already, in a copy that was made before the migration.
async fn create_table<C: ConnectionTrait>(conn: &C) -> Result<(), DbErr> {
    let create = "CREATE TABLE IF NOT EXISTS quarantine (
        since_ms BIGINT NOT NULL,
        reason TEXT NOT NULL,
        lifted_ms BIGINT)";
    conn.execute_unprepared(create).await?;
    // At most one is in force, also when two begin it at once.
    let once = "CREATE UNIQUE INDEX IF NOT EXISTS quarantine_in_force
        ON quarantine ((lifted_ms IS NULL)) WHERE lifted_ms IS NULL";
    conn.execute_unprepared(once).await?;
    Ok(())
}

/// The migration of the table, for each service's migrator.
pub fn migration() -> Box<dyn MigrationTrait> {
    Box::new(CreateQuarantine)
}

struct CreateQuarantine;

impl MigrationName for CreateQuarantine {
    fn name(&self) -> &str {
        "m0002_quarantine"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateQuarantine {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_table(manager.get_connection()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Db;

    #[tokio::test]
    async fn begins_once_and_is_lifted() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::sqlite(&dir.path().join("test.db")).await.unwrap();
        migration().up(&SchemaManager::new(db.write())).await.unwrap();
        let conn = db.write();
        assert_eq!(find(conn).await.unwrap(), None);
        assert!(!lift(conn, 1).await.unwrap());
        begin(conn, "restored", 2).await.unwrap();
        begin(conn, "again", 3).await.unwrap();
        let first = Quarantine { since_ms: 2, reason: "restored".to_owned() };
        assert_eq!(find(conn).await.unwrap(), Some(first));
        assert!(lift(conn, 4).await.unwrap());
        assert_eq!(find(conn).await.unwrap(), None);
        begin(conn, "restored again", 5).await.unwrap();
        assert_eq!(find(conn).await.unwrap().unwrap().since_ms, 5);
    }
}
