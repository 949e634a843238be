//! Which unexplained transfer blocks which merchant. A merchant is free again when none is left.

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _,
    sea_query::{Expr, OnConflict},
};

use super::merchant;
use crate::domain::ids::MerchantId;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::ids::MerchantId;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "merchant_block")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub provider_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub merchant_id: MerchantId,
        pub blocked_at: i64,
        /// When the operator had looked into it.
        pub cleared_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity, Model};

/// Stops transfers to a merchant because of a transfer that nothing explains. The merchant's row is
/// locked first, so that nobody frees the merchant who has not seen this.
pub(crate) async fn block(
    tx: &impl ConnectionTrait,
    merchant: MerchantId,
    provider_id: &str,
    now_ms: i64,
) -> Result<(), DbErr> {
    merchant::lock(tx, merchant).await?;
    let row = Model {
        provider_id: provider_id.to_owned(),
        merchant_id: merchant,
        blocked_at: now_ms,
        cleared_at: None,
    };
    Entity::insert(row.into_active_model())
        .on_conflict(
            OnConflict::columns([Column::ProviderId, Column::MerchantId])
                .update_column(Column::ClearedAt)
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await?;
    merchant::block(tx, merchant, now_ms).await
}

/// A transfer was looked into: it blocks nobody any more. Returns how many merchants it had blocked.
pub(crate) async fn clear(
    tx: &impl ConnectionTrait,
    provider_id: &str,
    now_ms: i64,
) -> Result<usize, DbErr> {
    let blocked = Entity::find()
        .filter(Column::ProviderId.eq(provider_id))
        .filter(Column::ClearedAt.is_null())
        .order_by_asc(Column::MerchantId)
        .all(tx)
        .await?;
    for row in &blocked {
        merchant::lock(tx, row.merchant_id).await?;
        Entity::update_many()
            .col_expr(Column::ClearedAt, Expr::value(now_ms))
            .filter(Column::ProviderId.eq(provider_id))
            .filter(Column::MerchantId.eq(row.merchant_id))
            .exec(tx)
            .await?;
        let other = Entity::find()
            .filter(Column::MerchantId.eq(row.merchant_id))
            .filter(Column::ClearedAt.is_null())
            .one(tx)
            .await?;
        if other.is_none() {
            merchant::unblock(tx, row.merchant_id).await?;
        }
    }
    Ok(blocked.len())
}
