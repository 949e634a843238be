//! Invitations to take a role.

use jiff::Timestamp;
use sea_orm::{
    ConnectionTrait, DbErr, IntoActiveModel as _, QueryOrder as _, QuerySelect as _,
    entity::prelude::*, sea_query::Expr,
};

use crate::{domain::role::Role, ids::InvitationId};

/// An invitation.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation")]
pub struct Model {
    /// `inv_…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The canonical address of whom it is for; none for whoever has the link.
    pub person: Option<String>,
    /// Where it is mailed to.
    pub mailbox: Option<String>,
    /// The role that is offered.
    pub role: String,
    /// For which host or merchant; nil for administrators.
    pub owner_id: Uuid,
    /// The account that invited, or `operator`.
    pub invited_by: String,
    /// When, Unix milliseconds.
    pub created_at: i64,
    /// When it was accepted.
    pub accepted_at: Option<i64>,
}

/// Of nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// An address has no place in a log.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = InvitationId(self.id);
        f.debug_struct("invitation::Model").field("id", &id).finish_non_exhaustive()
    }
}

/// Writes an invitation.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(tx: &C, row: Model) -> Result<(), DbErr> {
    Entity::insert(row.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// The invitation of this id.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(conn: &C, id: InvitationId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(conn).await
}

/// Those of these ids.
///
/// # Errors
/// When the database fails.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    ids: Vec<InvitationId>,
) -> Result<Vec<Model>, DbErr> {
    let ids = ids.into_iter().map(|id| id.0);
    Entity::find().filter(Column::Id.is_in(ids)).all(conn).await
}

/// The open invitation for whoever becomes the first administrator, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn of_first_admin<C: ConnectionTrait>(conn: &C) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::Person.is_null())
        .filter(Column::Role.eq(Role::Admin.as_str()))
        .filter(Column::AcceptedAt.is_null())
        .order_by_desc(Column::Id)
        .limit(1)
        .one(conn)
        .await
}

/// Accepts an invitation. False when it was accepted before.
///
/// # Errors
/// When the database fails.
pub async fn accept<C: ConnectionTrait>(
    tx: &C,
    id: InvitationId,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let accepted = Entity::update_many()
        .col_expr(Column::AcceptedAt, Expr::value(now.as_millisecond()))
        .filter(Column::Id.eq(id.0))
        .filter(Column::AcceptedAt.is_null())
        .exec(tx)
        .await?;
    Ok(accepted.rows_affected == 1)
}

/// Ends every open invitation that is for whoever has its link.
///
/// # Errors
/// When the database fails.
pub async fn close_open<C: ConnectionTrait>(tx: &C, now: Timestamp) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::AcceptedAt, Expr::value(now.as_millisecond()))
        .filter(Column::Person.is_null())
        .filter(Column::AcceptedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}
