//! Transfers at the provider that no attempt of ours explains.

use ledger::Money;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};

pub(crate) use entity::Model as Unmatched;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::ids::MerchantId;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "unmatched_transfer")]
    pub struct Model {
        /// The provider's id: a transfer is put into suspense once.
        #[sea_orm(primary_key, auto_increment = false)]
        pub provider_id: String,
        /// What the ledger's entries refer to.
        pub id: Uuid,
        pub provider_ref: String,
        /// The merchant who got the money, as far as we can tell.
        pub merchant_id: Option<MerchantId>,
        pub amount_minor: i64,
        pub currency: String,
        pub reason: String,
        pub found_at: i64,
        /// When the money came back.
        pub reversed_at: Option<i64>,
        /// When the operator had looked into it.
        pub accepted_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity};

impl Unmatched {
    /// How much moved.
    ///
    /// # Errors
    /// When the row is corrupt.
    pub(crate) fn amount(&self) -> anyhow::Result<Money> {
        super::money(self.amount_minor, &self.currency)
    }
}

/// Writes a transfer. Returns false when it is known already.
pub(crate) async fn insert(tx: &impl ConnectionTrait, transfer: Unmatched) -> Result<bool, DbErr> {
    let inserted = Entity::insert(transfer.into_active_model())
        .on_conflict(OnConflict::column(Column::ProviderId).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(inserted == 1)
}

/// The transfer of this provider id.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    provider_id: &str,
) -> Result<Option<Unmatched>, DbErr> {
    Entity::find_by_id(provider_id).one(conn).await
}

/// Notes that the money came back. Returns false when that is known already.
pub(crate) async fn reversed(
    tx: &impl ConnectionTrait,
    provider_id: &str,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::ReversedAt, Expr::value(now_ms))
        .filter(Column::ProviderId.eq(provider_id))
        .filter(Column::ReversedAt.is_null())
        .exec(tx)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Transfers that nobody has looked into, in the order of their ids, after `after`.
pub(crate) async fn open(
    conn: &impl ConnectionTrait,
    after: Option<String>,
    limit: u64,
) -> Result<Vec<Unmatched>, DbErr> {
    let mut query = Entity::find().filter(Column::AcceptedAt.is_null());
    if let Some(after) = after {
        query = query.filter(Column::ProviderId.gt(after));
    }
    query.order_by_asc(Column::ProviderId).limit(limit).all(conn).await
}

/// Notes that the operator has looked into a transfer. Returns false when that is known already, or
/// when there is no such transfer.
pub(crate) async fn accept(
    tx: &impl ConnectionTrait,
    provider_id: &str,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::AcceptedAt, Expr::value(now_ms))
        .filter(Column::ProviderId.eq(provider_id))
        .filter(Column::AcceptedAt.is_null())
        .exec(tx)
        .await?;
    Ok(changed.rows_affected == 1)
}
