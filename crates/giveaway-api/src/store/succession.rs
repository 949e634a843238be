//! The signed records of replaced winners, in the order in which they happened.

use draw::succession::Succession;
use jiff::Timestamp;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, QueryOrder as _, entity::prelude::*};

use crate::{error::Result, ids::GiveawayId};

/// A replacement.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "succession")]
pub struct Model {
    /// The giveaway.
    #[sea_orm(primary_key, auto_increment = false)]
    pub giveaway_id: Uuid,
    /// Its place among the replacements, from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    /// The unit that passed on.
    pub unit_id: Uuid,
    /// The signed record, as JSON.
    pub record: String,
    /// When it was written, Unix milliseconds.
    pub at: i64,
}

/// Of a giveaway.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Writes a record. The same number twice is stopped by the primary key.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(
    tx: &C,
    giveaway: GiveawayId,
    record: &Succession,
    now: Timestamp,
) -> Result<()> {
    let row = ActiveModel {
        giveaway_id: Set(giveaway.0),
        number: Set(i32::try_from(record.number).map_err(anyhow::Error::from)?),
        unit_id: Set(record.unit.0),
        record: Set(serde_json::to_string(record).map_err(anyhow::Error::from)?),
        at: Set(now.as_millisecond()),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// A giveaway's records, in order.
///
/// # Errors
/// When the database fails or a row is corrupt.
pub async fn of_giveaway<C: ConnectionTrait>(conn: &C, id: GiveawayId) -> Result<Vec<Succession>> {
    let rows: Result<Vec<Model>, DbErr> = Entity::find()
        .filter(Column::GiveawayId.eq(id.0))
        .order_by_asc(Column::Number)
        .all(conn)
        .await;
    let records: Result<Vec<Succession>, serde_json::Error> =
        rows?.iter().map(|row| serde_json::from_str(&row.record)).collect();
    Ok(records.map_err(anyhow::Error::from)?)
}
