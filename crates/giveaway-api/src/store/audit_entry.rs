//! What was done to accounts, and by whom: one row per action, never changed, without addresses.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, QueryOrder as _, QuerySelect as _, entity::prelude::*,
};

use crate::ids::AccountId;

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entry")]
pub struct Model {
    /// Time-ordered.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// When, Unix milliseconds.
    pub at: i64,
    /// Whose account; none for what nobody with an account did.
    pub account_id: Option<Uuid>,
    /// What was done, in the past tense.
    pub action: String,
    /// To what: an id, or nothing.
    pub subject: String,
}

/// Of an account.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Records an action, in the transaction that does it.
///
/// # Errors
/// When the database fails.
pub async fn record<C: ConnectionTrait>(
    tx: &C,
    account: Option<AccountId>,
    action: &'static str,
    subject: &str,
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(Uuid::now_v7()),
        at: Set(now.as_millisecond()),
        account_id: Set(account.map(|account| account.0)),
        action: Set(action.to_owned()),
        subject: Set(subject.to_owned()),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// What was done to an account, the latest first.
///
/// # Errors
/// When the database fails.
pub async fn of_account<C: ConnectionTrait>(
    conn: &C,
    account: AccountId,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::AccountId.eq(account.0))
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(conn)
        .await
}
