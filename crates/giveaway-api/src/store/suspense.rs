//! Money that came or went without an explanation, and whose it turned out to be.

use jiff::Timestamp;
use ledger::Money;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, FromQueryResult, QuerySelect as _, Statement,
    entity::prelude::*,
};

use super::top_up::payment;
use crate::ids::HostId;

/// A payment that was nobody's until it was assigned to a host. Rows are never changed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_assignment")]
pub struct Model {
    /// The provider's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub payment_id: String,
    /// Whose it is.
    pub host_id: Uuid,
    /// What was left of it then.
    pub amount_minor: i64,
    /// Of the amount.
    pub currency: String,
    /// When, Unix milliseconds.
    pub assigned_at: i64,
}

/// Of a payment and a host.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Money that nothing explains.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Unexplained {
    /// `payment` for money that came, `transfer` for money that left.
    pub kind: String,
    /// The provider's id.
    pub provider_id: String,
    /// How much of it is in suspense.
    pub amount_minor: i64,
    /// Of the amount.
    pub currency: String,
    /// Why it is there.
    pub reason: String,
    /// Since when, Unix milliseconds.
    pub since: i64,
}

/// Everything that is in suspense, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn oldest<C: ConnectionTrait>(conn: &C, limit: u64) -> Result<Vec<Unexplained>, DbErr> {
    let sql = "SELECT * FROM (SELECT 'payment' AS kind, p.payment_id AS provider_id, \
               p.gross_minor - COALESCE((SELECT MAX(c.so_far_minor) FROM provider_charge_back c \
               WHERE c.payment_id = p.payment_id), 0) AS amount_minor, p.currency, \
               'no top-up asked for it' AS reason, p.posted_at AS since FROM provider_payment p \
               WHERE p.top_up_id IS NULL AND NOT EXISTS (SELECT 1 FROM payment_assignment a \
               WHERE a.payment_id = p.payment_id) UNION ALL \
               SELECT 'transfer' AS kind, u.provider_id, u.amount_minor, u.currency, u.reason, \
               u.found_at AS since FROM provider_transfer_unmatched u WHERE NOT EXISTS \
               (SELECT 1 FROM provider_transfer_returned r WHERE r.provider_id = u.provider_id) \
               ) s WHERE amount_minor > 0 ORDER BY since, provider_id LIMIT $1";
    let values = [i64::try_from(limit).unwrap_or(i64::MAX).into()];
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    Unexplained::find_by_statement(statement).all(conn).await
}

/// The payment of this id, locked until the transaction ends: whether it is assigned and how much of it
/// was taken back is decided by whoever holds it.
///
/// # Errors
/// When the database fails.
pub async fn lock_payment<C: ConnectionTrait>(
    tx: &C,
    payment_id: &str,
) -> Result<Option<payment::Model>, DbErr> {
    payment::Entity::find_by_id(payment_id.to_owned()).lock_exclusive().one(tx).await
}

/// The host that a payment was assigned to, if it was.
///
/// # Errors
/// When the database fails.
pub async fn host_of<C: ConnectionTrait>(
    conn: &C,
    payment_id: &str,
) -> Result<Option<HostId>, DbErr> {
    let found = Entity::find_by_id(payment_id.to_owned()).one(conn).await?;
    Ok(found.map(|row| HostId(row.host_id)))
}

/// The currencies of what was assigned to a host.
///
/// # Errors
/// When the database fails.
pub async fn currencies<C: ConnectionTrait>(conn: &C, host: HostId) -> Result<Vec<String>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Currency)
        .distinct()
        .filter(Column::HostId.eq(host.0))
        .into_tuple()
        .all(conn)
        .await
}

/// Assigns a payment, which the caller has locked.
///
/// # Errors
/// When the database fails, or the payment is assigned already.
pub async fn assign<C: ConnectionTrait>(
    tx: &C,
    payment_id: &str,
    host: HostId,
    amount: Money,
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        payment_id: Set(payment_id.to_owned()),
        host_id: Set(host.0),
        amount_minor: Set(amount.minor),
        currency: Set(amount.currency.as_str().to_owned()),
        assigned_at: Set(now.as_millisecond()),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}
