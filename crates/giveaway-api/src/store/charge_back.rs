//! Payments that were taken back, part by part.

use ledger::Money;
use sea_orm::{ConnectionTrait, DbErr, Statement};

/// How much of a payment was taken back and posted, in minor units.
///
/// # Errors
/// When the database fails.
pub async fn so_far<C: ConnectionTrait>(conn: &C, payment_id: &str) -> Result<i64, DbErr> {
    let sql = "SELECT COALESCE(MAX(so_far_minor), 0) AS n FROM provider_charge_back \
               WHERE payment_id = $1";
    let values = [payment_id.into()];
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    match conn.query_one_raw(statement).await? {
        Some(row) => row.try_get("", "n"),
        None => Ok(0),
    }
}

/// Notes that a further part is posted. `so_far_minor` includes it.
///
/// # Errors
/// When the database fails, or the part was noted before.
pub async fn insert<C: ConnectionTrait>(
    tx: &C,
    payment_id: &str,
    so_far_minor: i64,
    amount: Money,
    now_ms: i64,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO provider_charge_back \
               (payment_id, so_far_minor, amount_minor, currency, posted_at) \
               VALUES ($1, $2, $3, $4, $5)";
    let values = [
        payment_id.into(),
        so_far_minor.into(),
        amount.minor.into(),
        amount.currency.as_str().into(),
        now_ms.into(),
    ];
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    Ok(())
}
