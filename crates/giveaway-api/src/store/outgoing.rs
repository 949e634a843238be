//! What the provider's list of transfers shows of ours: which it has shown, and what nothing explains.

use jiff::Timestamp;
use ledger::Money;
use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    Statement, entity::ColumnTrait as _, sea_query::Expr,
};

use super::withdrawal::{Column, Entity, Model};
use crate::domain::withdrawal::WithdrawalState;

/// Notes that the provider's list showed the transfer of this reference.
///
/// # Errors
/// When the database fails.
pub async fn listed<C: ConnectionTrait>(
    conn: &C,
    provider_ref: &str,
    now: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::ListedAt, Expr::value(now.as_millisecond()))
        .filter(Column::ProviderRef.eq(provider_ref))
        .filter(Column::ListedAt.is_null())
        .exec(conn)
        .await?;
    Ok(())
}

/// Withdrawals that we hold for paid since before that time and that the provider's list never showed.
///
/// # Errors
/// When the database fails.
pub async fn unlisted<C: ConnectionTrait>(
    conn: &C,
    before: Timestamp,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let moved = [WithdrawalState::Paid, WithdrawalState::Reversed].map(WithdrawalState::as_str);
    Entity::find()
        .filter(Column::State.is_in(moved))
        .filter(Column::ListedAt.is_null())
        .filter(Column::ChangedAt.lt(before.as_millisecond()))
        .order_by_asc(Column::ChangedAt)
        .limit(limit)
        .all(conn)
        .await
}

/// Notes money that left without an explanation. False when it had been noted.
///
/// # Errors
/// When the database fails.
pub async fn insert_unmatched<C: ConnectionTrait>(
    tx: &C,
    provider_id: &str,
    provider_ref: &str,
    amount: Money,
    reason: &str,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let sql = "INSERT INTO provider_transfer_unmatched \
               (provider_id, provider_ref, amount_minor, currency, reason, found_at) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (provider_id) DO NOTHING";
    let values = [
        provider_id.into(),
        provider_ref.into(),
        amount.minor.into(),
        amount.currency.as_str().into(),
        reason.into(),
        now.as_millisecond().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    Ok(tx.execute_raw(statement).await?.rows_affected() == 1)
}

/// Notes that unexplained money came back. False when it had been noted, or nothing of it was known.
///
/// # Errors
/// When the database fails.
pub async fn insert_returned<C: ConnectionTrait>(
    tx: &C,
    provider_id: &str,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let sql = "INSERT INTO provider_transfer_returned (provider_id, returned_at) \
               SELECT provider_id, $2 FROM provider_transfer_unmatched WHERE provider_id = $1 \
               ON CONFLICT (provider_id) DO NOTHING";
    let values = [provider_id.into(), now.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    Ok(tx.execute_raw(statement).await?.rows_affected() == 1)
}
