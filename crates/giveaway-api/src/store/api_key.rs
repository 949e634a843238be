//! Keys of the API: bearer tokens, of which only the hash is kept.

use jiff::Timestamp;
use sea_orm::{
    ConnectionTrait, DbErr, ExprTrait as _, IntoActiveModel as _, QueryOrder as _,
    QuerySelect as _, entity::prelude::*, sea_query::Expr,
};

use crate::{
    domain::{role::Role, scope::Scopes},
    ids::{AccountId, KeyId},
};

/// A key.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_token")]
pub struct Model {
    /// SHA-256 of the token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    /// Whose it is: a host, or an administrator's account.
    pub owner_id: Uuid,
    /// What its owner is.
    pub role: String,
    /// When it was made, Unix milliseconds.
    pub created_at: i64,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// `key_…`, to name it without being it.
    pub id: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// What it may do, with a space between; without any list all.
    pub scopes: Option<String>,
    /// Test or live money; none for tokens of before.
    pub mode: Option<String>,
    /// When it ends.
    pub expires_at: Option<i64>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<i64>,
    /// The account that made it; none for tokens that the administrator issued.
    pub created_by: Option<Uuid>,
}

/// Of an owner.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("api_key::Model").field("id", &self.key_id()).finish_non_exhaustive()
    }
}

impl Model {
    /// Its id.
    pub fn key_id(&self) -> KeyId {
        KeyId(self.id)
    }

    /// What it may do.
    pub fn allowed(&self) -> Scopes {
        Scopes::stored(self.scopes.as_deref())
    }

    /// Whether it counts, for this mode.
    pub fn is_good(&self, mode: &str, now: Timestamp) -> bool {
        self.revoked_at.is_none()
            && self.expires_at.is_none_or(|end| now.as_millisecond() < end)
            && self.mode.as_deref().is_none_or(|of| of == mode)
    }
}

/// Writes a key.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(tx: &C, row: Model) -> Result<(), DbErr> {
    Entity::insert(row.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// The key of this hash, good or not.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    hash: &[u8; 32],
    role: Role,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(hash.to_vec()).filter(Column::Role.eq(role.as_str())).one(conn).await
}

/// An owner's keys that were not revoked, the latest first.
///
/// # Errors
/// When the database fails.
pub async fn of_owner<C: ConnectionTrait>(
    conn: &C,
    owners: &[(Role, Uuid)],
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let any = owners.iter().fold(sea_orm::Condition::any(), |any, (role, owner)| {
        any.add(Column::Role.eq(role.as_str()).and(Column::OwnerId.eq(*owner)))
    });
    Entity::find()
        .filter(any)
        .filter(Column::RevokedAt.is_null())
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(conn)
        .await
}

/// Revokes one of an owner's keys. False when it has no such key that is not revoked.
///
/// # Errors
/// When the database fails.
pub async fn revoke<C: ConnectionTrait>(
    tx: &C,
    owner: (Role, Uuid),
    id: KeyId,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let revoked = revoking(now)
        .filter(Column::Id.eq(id.0))
        .filter(Column::Role.eq(owner.0.as_str()))
        .filter(Column::OwnerId.eq(owner.1))
        .exec(tx)
        .await?;
    Ok(revoked.rows_affected == 1)
}

/// Revokes all keys that an account made.
///
/// # Errors
/// When the database fails.
pub async fn revoke_of_account<C: ConnectionTrait>(
    tx: &C,
    account: AccountId,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let revoked = revoking(now).filter(Column::CreatedBy.eq(account.0)).exec(tx).await?;
    Ok(revoked.rows_affected)
}

/// Writes down that a key was used, unless that was written less than a minute ago.
///
/// # Errors
/// When the database fails.
pub async fn used<C: ConnectionTrait>(
    conn: &C,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::LastUsedAt, Expr::value(now.as_millisecond()))
        .filter(Column::Hash.eq(hash.to_vec()))
        .exec(conn)
        .await?;
    Ok(())
}

fn revoking(now: Timestamp) -> sea_orm::UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now.as_millisecond()))
        .filter(Column::RevokedAt.is_null())
}
