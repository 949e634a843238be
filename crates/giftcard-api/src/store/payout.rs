//! Where merchants are paid from when on. Rows are never changed; a later one takes the place of those
//! before.

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _, Select,
};
use uuid::Uuid;

use super::merchant::Merchant;
use crate::domain::ids::MerchantId;

pub(crate) use entity::Model as Destination;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::ids::MerchantId;

    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "payout_destination")]
    pub struct Model {
        /// Time-ordered.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub merchant_id: MerchantId,
        /// In the provider's terms.
        pub destination: String,
        /// When its cooling-off time is over.
        pub usable_from: i64,
        pub named_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    /// Where somebody is paid has no place in a log.
    impl std::fmt::Debug for Model {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Destination").field("id", &self.id).finish_non_exhaustive()
        }
    }
}

use entity::{Column, Entity};

/// Writes a destination. The merchant's row is locked by the caller.
pub(crate) async fn insert(
    tx: &impl ConnectionTrait,
    merchant: MerchantId,
    destination: String,
    usable_from: i64,
    now_ms: i64,
) -> Result<(), DbErr> {
    let row = Destination {
        id: Uuid::now_v7(),
        merchant_id: merchant,
        destination,
        usable_from,
        named_at: now_ms,
    };
    Entity::insert(row.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Where a merchant is paid now.
pub(crate) async fn in_force(
    conn: &impl ConnectionTrait,
    merchant: &Merchant,
    now_ms: i64,
) -> Result<String, DbErr> {
    let found = newest(merchant.id).filter(Column::UsableFrom.lte(now_ms)).one(conn).await?;
    Ok(found.map_or_else(|| merchant.payout_destination.clone(), |row| row.destination))
}

/// Where it will be paid, while that is cooling off.
pub(crate) async fn cooling(
    conn: &impl ConnectionTrait,
    merchant: MerchantId,
    now_ms: i64,
) -> Result<Option<Destination>, DbErr> {
    Ok(newest(merchant).one(conn).await?.filter(|row| row.usable_from > now_ms))
}

fn newest(merchant: MerchantId) -> Select<Entity> {
    Entity::find()
        .filter(Column::MerchantId.eq(merchant))
        .order_by_desc(Column::NamedAt)
        .order_by_desc(Column::Id)
}
