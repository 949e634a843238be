//! Reveal links that were used: each works once.

use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait as _, sea_query::OnConflict};
use uuid::Uuid;

use crate::domain::ids::CardId;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::ids::CardId;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "reveal")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub nonce: Uuid,
        pub card_id: CardId,
        pub at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Uses a link up. Returns whether it was unused.
pub(crate) async fn consume(
    tx: &impl ConnectionTrait,
    nonce: Uuid,
    card: CardId,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let row = entity::ActiveModel { nonce: Set(nonce), card_id: Set(card), at: Set(now_ms) };
    let inserted = entity::Entity::insert(row)
        .on_conflict(OnConflict::column(entity::Column::Nonce).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(inserted == 1)
}
