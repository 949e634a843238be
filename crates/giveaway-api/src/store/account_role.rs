//! What accounts may be, and for whom.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, PaginatorTrait as _, QueryOrder as _,
    entity::prelude::*, sea_query::OnConflict,
};

use super::account;
use crate::{
    domain::role::Role,
    error::Result,
    ids::{AccountId, HostId, MerchantId},
};

/// A role of an account.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_role")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    /// Which.
    #[sea_orm(primary_key, auto_increment = false)]
    pub role: String,
    /// For which host or merchant; nil for administrators.
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: Uuid,
    /// Since when, Unix milliseconds.
    pub created_at: i64,
}

/// Of an account.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Whose.
    #[sea_orm(
        belongs_to = "super::account::Entity",
        from = "Column::AccountId",
        to = "super::account::Column::Id"
    )]
    Account,
}

impl Related<account::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Account.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// All that an account is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// The host it runs giveaways for.
    pub host: Option<HostId>,
    /// The merchant at whose till it stands.
    pub merchant: Option<MerchantId>,
    /// Whether it looks after the installation.
    pub is_admin: bool,
}

/// Gives an account a role that it may have already.
///
/// # Errors
/// When the database fails.
pub async fn give<C: ConnectionTrait>(
    tx: &C,
    account: AccountId,
    role: Role,
    owner: Uuid,
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        account_id: Set(account.0),
        role: Set(role.as_str().to_owned()),
        owner_id: Set(owner),
        created_at: Set(now.as_millisecond()),
    };
    let columns = [Column::AccountId, Column::Role, Column::OwnerId];
    Entity::insert(row)
        .on_conflict(OnConflict::columns(columns).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// What an account is. Of several hosts or merchants the first counts.
///
/// # Errors
/// When the database fails, or a row is corrupt.
pub async fn of<C: ConnectionTrait>(conn: &C, account: AccountId) -> Result<Roles> {
    let rows = Entity::find()
        .filter(Column::AccountId.eq(account.0))
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::OwnerId)
        .all(conn)
        .await?;
    let mut roles = Roles::default();
    for row in rows {
        match row.role.parse()? {
            Role::Host => roles.host = roles.host.or(Some(HostId(row.owner_id))),
            Role::Merchant => roles.merchant = roles.merchant.or(Some(MerchantId(row.owner_id))),
            Role::Admin => roles.is_admin = true,
        }
    }
    Ok(roles)
}

/// Whether anybody who can sign in looks after the installation.
///
/// # Errors
/// When the database fails.
pub async fn has_admin<C: ConnectionTrait>(conn: &C) -> Result<bool, DbErr> {
    let admins = Entity::find()
        .filter(Column::Role.eq(Role::Admin.as_str()))
        .inner_join(account::Entity)
        .filter(account::Column::DisabledAt.is_null())
        .count(conn)
        .await?;
    Ok(admins > 0)
}

/// The roles of these accounts, in no order.
///
/// # Errors
/// When the database fails.
pub async fn of_many<C: ConnectionTrait>(
    conn: &C,
    accounts: Vec<AccountId>,
) -> Result<Vec<Model>, DbErr> {
    let ids = accounts.into_iter().map(|id| id.0);
    Entity::find().filter(Column::AccountId.is_in(ids)).all(conn).await
}
