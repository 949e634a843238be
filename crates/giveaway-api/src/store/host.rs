//! Hosts and their tokens.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, QueryOrder as _, QuerySelect as _, entity::prelude::*,
};

use crate::ids::HostId;

/// A host.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "host")]
pub struct Model {
    /// Also the owner of its accounts in the ledger.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// As shown to entrants.
    pub name: String,
    /// Where we write to.
    pub email: String,
    /// When it was made, Unix milliseconds.
    pub created_at: i64,
    /// Since when no money leaves its wallets, because some that left is not explained.
    pub payouts_blocked_at: Option<i64>,
}

/// Its giveaways and top-ups refer to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// An address has no place in a log.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("host::Model").field("id", &HostId(self.id)).finish_non_exhaustive()
    }
}

/// Writes a host.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    id: HostId,
    name: String,
    email: String,
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(id.0),
        name: Set(name),
        email: Set(email),
        created_at: Set(now.as_millisecond()),
        payouts_blocked_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// The host of this id.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(conn: &C, id: HostId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(conn).await
}

/// Holds a host's row until the transaction ends: what is decided about its debt is decided by one at
/// a time.
///
/// # Errors
/// When the database fails.
pub async fn lock<C: ConnectionTrait>(tx: &C, id: HostId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).lock_exclusive().one(tx).await
}

/// Hosts in the order in which they were made, from the one after `after` on.
///
/// # Errors
/// When the database fails.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    after: Option<HostId>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find();
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after.0));
    }
    query.order_by_asc(Column::Id).limit(limit).all(conn).await
}
