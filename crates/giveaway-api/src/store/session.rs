//! Who is signed in.

use jiff::Timestamp;
use platform::clock::from_millis;
use sea_orm::{
    ConnectionTrait, DbErr, IntoActiveModel as _, QueryOrder as _, QuerySelect as _,
    entity::prelude::*, sea_query::Expr,
};

use crate::{
    domain::session::Times,
    ids::{AccountId, SessionId},
};

/// A session. Its cookie is kept nowhere, only its hash.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// SHA-256 of the cookie's value.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    /// `ses_…`, to name it without being it.
    pub id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// When it began, Unix milliseconds.
    pub created_at: i64,
    /// When the person last showed who they are.
    pub authenticated_at: i64,
    /// When it was last used, to the minute.
    pub last_seen_at: i64,
    /// When it ends whatever happens.
    pub expires_at: i64,
    /// When it was ended.
    pub revoked_at: Option<i64>,
}

/// Of an account.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Who knows the hash cannot be the session, but can tell its forms' tokens from others.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("session::Model").field("id", &self.session_id()).finish_non_exhaustive()
    }
}

impl Model {
    /// Its id.
    pub fn session_id(&self) -> SessionId {
        SessionId(self.id)
    }

    /// Its times.
    pub fn times(&self) -> Times {
        Times {
            authenticated_at: from_millis(self.authenticated_at),
            last_seen_at: from_millis(self.last_seen_at),
            expires_at: from_millis(self.expires_at),
            revoked_at: self.revoked_at.map(from_millis),
        }
    }
}

/// Writes a session.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(tx: &C, row: Model) -> Result<(), DbErr> {
    Entity::insert(row.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// The session of a cookie, alive or not.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(conn: &C, hash: &[u8; 32]) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(hash.to_vec()).one(conn).await
}

/// The sessions of an account that were not ended, the latest first.
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
        .filter(Column::RevokedAt.is_null())
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(conn)
        .await
}

/// Writes down that it was used.
///
/// # Errors
/// When the database fails.
pub async fn seen<C: ConnectionTrait>(
    conn: &C,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::LastSeenAt, Expr::value(now.as_millisecond()))
        .filter(Column::Hash.eq(hash.to_vec()))
        .exec(conn)
        .await?;
    Ok(())
}

/// Ends one of an account's sessions. False when it has no such session that is not ended.
///
/// # Errors
/// When the database fails.
pub async fn revoke<C: ConnectionTrait>(
    tx: &C,
    account: AccountId,
    id: SessionId,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let ended = ending(now)
        .filter(Column::AccountId.eq(account.0))
        .filter(Column::Id.eq(id.0))
        .exec(tx)
        .await?;
    Ok(ended.rows_affected == 1)
}

/// Ends the session of a cookie.
///
/// # Errors
/// When the database fails.
pub async fn revoke_hash<C: ConnectionTrait>(
    tx: &C,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<bool, DbErr> {
    let ended = ending(now).filter(Column::Hash.eq(hash.to_vec())).exec(tx).await?;
    Ok(ended.rows_affected == 1)
}

/// Ends all of an account's sessions.
///
/// # Errors
/// When the database fails.
pub async fn revoke_all<C: ConnectionTrait>(
    tx: &C,
    account: AccountId,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let ended = ending(now).filter(Column::AccountId.eq(account.0)).exec(tx).await?;
    Ok(ended.rows_affected)
}

fn ending(now: Timestamp) -> sea_orm::UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now.as_millisecond()))
        .filter(Column::RevokedAt.is_null())
}
