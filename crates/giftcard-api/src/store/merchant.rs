//! Merchants. A merchant's row is the root that everything about its settlements locks.

use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _, sea_query::Expr,
};

use super::payout::entity as payout;
use crate::domain::ids::MerchantId;

pub(crate) use entity::Model as Merchant;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::ids::MerchantId;

    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "merchant")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: MerchantId,
        pub name: String,
        pub email: String,
        /// To whom the provider pays, in its terms.
        pub payout_destination: String,
        /// Since when no transfer may be made to it, because one is unexplained.
        pub blocked_at: Option<i64>,
        pub created_at: i64,
        /// Since when its cards are void.
        pub closed_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    /// The address is personal.
    impl std::fmt::Debug for Model {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Merchant").field("id", &self.id).finish_non_exhaustive()
        }
    }
}

use entity::{Column, Entity};

/// Writes a merchant.
pub(crate) async fn insert(tx: &impl ConnectionTrait, merchant: Merchant) -> Result<(), DbErr> {
    Entity::insert(merchant.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// The merchant of this id.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    id: MerchantId,
) -> Result<Option<Merchant>, DbErr> {
    Entity::find_by_id(id).one(conn).await
}

/// The merchant of this id, locked until the transaction ends.
pub(crate) async fn lock(
    tx: &impl ConnectionTrait,
    id: MerchantId,
) -> Result<Option<Merchant>, DbErr> {
    Entity::find_by_id(id).lock_exclusive().one(tx).await
}

/// The merchants of these ids.
pub(crate) async fn find_many(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = MerchantId>,
) -> Result<Vec<Merchant>, DbErr> {
    Entity::find().filter(Column::Id.is_in(ids)).all(conn).await
}

/// The merchants that are, were or will be paid there.
pub(crate) async fn paid_at(
    conn: &impl ConnectionTrait,
    destination: &str,
) -> Result<Vec<Merchant>, DbErr> {
    let named = payout::Entity::find()
        .select_only()
        .column(payout::Column::MerchantId)
        .filter(payout::Column::Destination.eq(destination))
        .into_query();
    let there = Condition::any()
        .add(Column::PayoutDestination.eq(destination))
        .add(Column::Id.in_subquery(named));
    Entity::find().filter(there).all(conn).await
}

/// Lets transfers to a merchant happen again. Its row is locked by the caller.
pub(crate) async fn unblock(tx: &impl ConnectionTrait, id: MerchantId) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::BlockedAt, Expr::value(Option::<i64>::None))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Closes a merchant for ever. Returns false when it was. Its row is locked by the caller.
pub(crate) async fn close(
    tx: &impl ConnectionTrait,
    id: MerchantId,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::ClosedAt, Expr::value(now_ms))
        .filter(Column::Id.eq(id))
        .filter(Column::ClosedAt.is_null())
        .exec(tx)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Stops transfers to a merchant; it stays blocked since the first time.
pub(crate) async fn block(
    tx: &impl ConnectionTrait,
    id: MerchantId,
    now_ms: i64,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::BlockedAt, Expr::value(now_ms))
        .filter(Column::Id.eq(id))
        .filter(Column::BlockedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Merchants in the order in which they joined, after `after`.
pub(crate) async fn page(
    conn: &impl ConnectionTrait,
    after: Option<MerchantId>,
    limit: u64,
) -> Result<Vec<Merchant>, DbErr> {
    Entity::find()
        .filter(Condition::all().add_option(after.map(|after| Column::Id.gt(after))))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(conn)
        .await
}
