//! Prizes as a host lists them.

use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, QueryOrder as _, entity::prelude::*};

use crate::{
    domain::draft::Prize,
    ids::{GiveawayId, PrizeId},
};

/// So many cards of one product and value.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "prize")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose prize.
    pub giveaway_id: Uuid,
    /// Its place in the list, from 0; the first prizes go to the first winners.
    pub position: i32,
    /// The product at giftcard-api.
    pub product_id: Uuid,
    /// The product's name when the prize was listed.
    pub product_name: String,
    /// The merchant's name when the prize was listed.
    pub merchant_name: String,
    /// The value of each card, in the giveaway's currency.
    pub value_minor: i64,
    /// How many cards.
    pub units: i32,
}

/// Of a giveaway.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A giveaway's prizes, in order.
///
/// # Errors
/// When the database fails.
pub async fn of_giveaway<C: ConnectionTrait>(
    conn: &C,
    id: GiveawayId,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::GiveawayId.eq(id.0))
        .order_by_asc(Column::Position)
        .all(conn)
        .await
}

/// Replaces a draft's prizes.
///
/// # Errors
/// When the database fails.
pub async fn replace<C: ConnectionTrait>(
    tx: &C,
    giveaway: GiveawayId,
    prizes: &[Prize],
) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::GiveawayId.eq(giveaway.0)).exec(tx).await?;
    let rows = (0_i32..).zip(prizes).map(|(position, prize)| ActiveModel {
        id: Set(PrizeId::new().0),
        giveaway_id: Set(giveaway.0),
        position: Set(position),
        product_id: Set(prize.product_id.0),
        product_name: Set(prize.product_name.clone()),
        merchant_name: Set(prize.merchant_name.clone()),
        value_minor: Set(prize.value.minor),
        units: Set(prize.units),
    });
    Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}
