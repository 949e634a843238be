//! What the operator did and why: one row per action, never changed.

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

/// Records what the operator does, in the transaction that does it.
///
/// # Errors
/// When the database fails.
pub async fn record<C: ConnectionTrait>(
    tx: &C,
    action: &'static str,
    subject: &str,
    note: &str,
    now: Timestamp,
) -> Result<(), DbErr> {
    // There is one operator: whoever holds the installation's token.
    let sql = "INSERT INTO operator_action (id, actor, action, subject, note, at) \
               VALUES ($1, 'operator', $2, $3, $4, $5)";
    let values = [
        Uuid::now_v7().into(),
        action.into(),
        subject.into(),
        note.into(),
        now.as_millisecond().into(),
    ];
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    Ok(())
}
