//! Prizes as the host lists them, and the units that winners get.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, PaginatorTrait as _, QueryOrder as _,
    entity::prelude::*, sea_query::Expr,
};

use super::{
    event::{self, Change},
    prize,
};
use crate::{
    domain::{giveaway::UnitState, publication::NewUnit},
    error::Result,
    ids::{EscrowId, GiveawayId, UnitId},
};

/// Units in one statement, below the number of variables that it may have.
const UNITS_PER_STATEMENT: usize = 500;

/// One prize that one winner gets. Units come into being with the publish saga, each with the
/// escrow that funds it, and go again when the saga is compensated.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "prize_unit")]
pub struct Model {
    /// Also the unit's id in the rules and in the draw.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose prize.
    pub giveaway_id: Uuid,
    /// Which of the giveaway's prizes.
    pub prize_id: Uuid,
    /// The n-th unit goes to the n-th pick; from 0.
    pub position: i32,
    /// Its funds, kept by giftcard-api.
    pub escrow_id: Uuid,
    /// Its value.
    pub value_minor: i64,
    /// Of the value.
    pub currency: String,
    /// Where it stands: [`Model::state`].
    pub state: String,
}

/// Of a giveaway.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Its id, typed.
    pub fn unit_id(&self) -> UnitId {
        UnitId(self.id)
    }

    /// Where it stands.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn state(&self) -> Result<UnitState> {
        Ok(self.state.parse()?)
    }
}

/// The units of a giveaway, in order.
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

/// One unit.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(conn: &C, id: UnitId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(conn).await
}

/// The unit that an escrow funds.
///
/// # Errors
/// When the database fails.
pub async fn by_escrow<C: ConnectionTrait>(conn: &C, id: EscrowId) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::EscrowId.eq(id.0)).one(conn).await
}

/// How many units of a giveaway are neither filled nor returned.
///
/// # Errors
/// When the database fails.
pub async fn count_open<C: ConnectionTrait>(conn: &C, id: GiveawayId) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::GiveawayId.eq(id.0))
        .filter(Column::State.eq(UnitState::Open.as_str()))
        .count(conn)
        .await
}

/// Ends an open unit, with its event. False when it had ended: nothing was written.
///
/// # Errors
/// When the database fails.
pub async fn end<C: ConnectionTrait>(
    tx: &C,
    id: UnitId,
    to: UnitState,
    reason: &str,
    now: Timestamp,
) -> Result<bool> {
    let from = UnitState::Open;
    let changed = Entity::update_many()
        .col_expr(Column::State, Expr::value(to.as_str()))
        .filter(Column::Id.eq(id.0))
        .filter(Column::State.eq(from.as_str()))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    let (from, to, at_ms) = (from.as_str(), to.as_str(), now.as_millisecond());
    event::record(tx, Change { machine: "prize_unit", subject: id.0, from, to, reason, at_ms })
        .await?;
    Ok(true)
}

/// Writes the units of a giveaway that begins to be published, in order. `prizes` are its lines.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(
    tx: &C,
    giveaway: GiveawayId,
    prizes: &[prize::Model],
    units: &[NewUnit],
) -> Result<(), DbErr> {
    for (chunk, units) in (0_i32..).zip(units.chunks(UNITS_PER_STATEMENT)) {
        let first = chunk * i32::try_from(UNITS_PER_STATEMENT).unwrap_or(i32::MAX);
        let rows = (first..).zip(units).map(|(position, unit)| ActiveModel {
            id: Set(unit.id.0),
            giveaway_id: Set(giveaway.0),
            prize_id: Set(prizes[unit.line].id),
            position: Set(position),
            escrow_id: Set(unit.escrow.0),
            value_minor: Set(unit.value.minor),
            currency: Set(unit.value.currency.as_str().to_owned()),
            state: Set(UnitState::Open.as_str().to_owned()),
        });
        Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Removes the units of a giveaway whose saga was compensated: their escrows are cancelled for ever,
/// and the next attempt makes new ones.
///
/// # Errors
/// When the database fails.
pub async fn remove<C: ConnectionTrait>(tx: &C, giveaway: GiveawayId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::GiveawayId.eq(giveaway.0)).exec(tx).await?;
    Ok(())
}
