//! Reversals of redemptions.

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::domain::ids::RedemptionId;

pub(crate) use entity::Model as Reversal;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::ids::{CardId, MerchantId, RedemptionId, ReversalId};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "reversal")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: ReversalId,
        pub redemption_id: RedemptionId,
        pub merchant_id: MerchantId,
        pub card_id: CardId,
        pub amount_minor: i64,
        pub currency: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity};

/// Writes a reversal.
pub(crate) async fn insert(tx: &impl ConnectionTrait, reversal: Reversal) -> Result<(), DbErr> {
    Entity::insert(reversal.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// The reversals of a redemption, the oldest first, at most `limit`.
pub(crate) async fn of(
    conn: &impl ConnectionTrait,
    redemption: RedemptionId,
    limit: u64,
) -> Result<Vec<Reversal>, DbErr> {
    Entity::find()
        .filter(Column::RedemptionId.eq(redemption))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(conn)
        .await
}
