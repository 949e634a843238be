//! Hosts and their tokens.

use jiff::Timestamp;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, QuerySelect as _, entity::prelude::*};

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

/// Bearer tokens, of which only the hash is kept.
pub mod token {
    use sea_orm::entity::prelude::*;

    /// A token.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "api_token")]
    pub struct Model {
        /// SHA-256 of the token.
        #[sea_orm(primary_key, auto_increment = false)]
        pub hash: Vec<u8>,
        /// Whose it is.
        pub owner_id: Uuid,
        /// What it allows.
        pub role: String,
        /// When it was issued, Unix milliseconds.
        pub created_at: i64,
        /// When it was revoked.
        pub revoked_at: Option<i64>,
    }

    /// Of an owner.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The one role yet.
const HOST_ROLE: &str = "host";

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

/// Writes a host's token.
///
/// # Errors
/// When the database fails.
pub async fn insert_token<C: ConnectionTrait>(
    conn: &C,
    host: HostId,
    hash: [u8; 32],
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = token::ActiveModel {
        hash: Set(hash.to_vec()),
        owner_id: Set(host.0),
        role: Set(HOST_ROLE.to_owned()),
        created_at: Set(now.as_millisecond()),
        revoked_at: Set(None),
    };
    token::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// The host that a token which is still in force belongs to.
///
/// # Errors
/// When the database fails.
pub async fn by_token<C: ConnectionTrait>(
    conn: &C,
    hash: &[u8; 32],
) -> Result<Option<HostId>, DbErr> {
    let owner: Option<Uuid> = token::Entity::find_by_id(hash.to_vec())
        .filter(token::Column::Role.eq(HOST_ROLE))
        .filter(token::Column::RevokedAt.is_null())
        .select_only()
        .column(token::Column::OwnerId)
        .into_tuple()
        .one(conn)
        .await?;
    Ok(owner.map(HostId))
}
