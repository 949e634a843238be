//! What the operator did and why: one row per action, never changed.

use sea_orm::{ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

/// Records what the operator does, in the transaction that does it.
pub(crate) async fn record(
    tx: &impl ConnectionTrait,
    action: &'static str,
    subject: &str,
    note: &str,
    now_ms: i64,
) -> Result<(), DbErr> {
    // There is one operator: whoever holds the installation's token.
    let sql = "INSERT INTO operator_action (id, actor, action, subject, note, at) \
               VALUES ($1, 'operator', $2, $3, $4, $5)";
    let values = [Uuid::now_v7().into(), action.into(), subject.into(), note.into(), now_ms.into()];
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    Ok(())
}
