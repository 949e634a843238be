//! Codes for whoever has lost the authenticator application. Each works once.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, PaginatorTrait as _, entity::prelude::*,
    sea_query::Expr,
};

use crate::ids::AccountId;

/// A code, of which only the hash is kept.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recovery_code")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    /// SHA-256 of the code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    /// When it was used, Unix milliseconds.
    pub used_at: Option<i64>,
}

/// Of an account.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("recovery_code::Model(…)")
    }
}

/// Puts these codes in the place of all that the account had.
///
/// # Errors
/// When the database fails.
pub async fn replace<C: ConnectionTrait>(
    tx: &C,
    account: AccountId,
    hashes: Vec<[u8; 32]>,
) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::AccountId.eq(account.0)).exec(tx).await?;
    let rows = hashes.into_iter().map(|hash| ActiveModel {
        account_id: Set(account.0),
        hash: Set(hash.to_vec()),
        used_at: Set(None),
    });
    let rows: Vec<ActiveModel> = rows.collect();
    if !rows.is_empty() {
        Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Uses a code up. False when the account has no such code that is unused.
///
/// # Errors
/// When the database fails.
pub async fn take<C: ConnectionTrait>(
    tx: &C,
    account: AccountId,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<bool, DbErr> {
    let taken = Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now.as_millisecond()))
        .filter(Column::AccountId.eq(account.0))
        .filter(Column::Hash.eq(hash.to_vec()))
        .filter(Column::UsedAt.is_null())
        .exec(tx)
        .await?;
    Ok(taken.rows_affected == 1)
}

/// How many are left.
///
/// # Errors
/// When the database fails.
pub async fn left<C: ConnectionTrait>(conn: &C, account: AccountId) -> Result<u64, DbErr> {
    let unused =
        Entity::find().filter(Column::AccountId.eq(account.0)).filter(Column::UsedAt.is_null());
    unused.count(conn).await
}
