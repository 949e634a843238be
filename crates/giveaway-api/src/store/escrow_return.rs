//! Returns of escrows: at most one per escrow, for ever.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, DbErr, PaginatorTrait as _,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};

use super::event::{self, Change};
use crate::{
    domain::giveaway::ReturnState,
    error::Result,
    ids::{EscrowId, GiveawayId, UnitId},
};

/// A return.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "escrow_return")]
pub struct Model {
    /// The escrow: a second return of it cannot be written.
    #[sea_orm(primary_key, auto_increment = false)]
    pub escrow_id: Uuid,
    /// The unit that it funded.
    pub unit_id: Uuid,
    /// The unit's giveaway.
    pub giveaway_id: Uuid,
    /// Where it stands.
    pub state: String,
    /// Why the prize was not given.
    pub reason: String,
    /// When it was asked for, Unix milliseconds.
    pub requested_at: i64,
    /// When it was answered.
    pub answered_at: Option<i64>,
}

/// Of a giveaway.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Writes a return. False when there is one already.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(
    tx: &C,
    escrow: EscrowId,
    unit: UnitId,
    giveaway: GiveawayId,
    reason: &str,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let row = ActiveModel {
        escrow_id: Set(escrow.0),
        unit_id: Set(unit.0),
        giveaway_id: Set(giveaway.0),
        state: Set(ReturnState::Requested.as_str().to_owned()),
        reason: Set(reason.to_owned()),
        requested_at: Set(now.as_millisecond()),
        answered_at: Set(None),
    };
    let inserted = Entity::insert(row)
        .on_conflict(OnConflict::column(Column::EscrowId).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(inserted == 1)
}

/// The return of an escrow.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(conn: &C, escrow: EscrowId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(escrow.0).one(conn).await
}

/// Ends a return, with its event. False when it had ended.
///
/// # Errors
/// When the database fails.
pub async fn end<C: ConnectionTrait>(
    tx: &C,
    escrow: EscrowId,
    to: ReturnState,
    now: Timestamp,
) -> Result<bool> {
    let from = ReturnState::Requested;
    let at_ms = now.as_millisecond();
    let changed = Entity::update_many()
        .col_expr(Column::State, Expr::value(to.as_str()))
        .col_expr(Column::AnsweredAt, Expr::value(at_ms))
        .filter(Column::EscrowId.eq(escrow.0))
        .filter(Column::State.eq(from.as_str()))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    let (from, to) = (from.as_str(), to.as_str());
    let reason = "answered by giftcard-api";
    event::record(
        tx,
        Change { machine: "escrow_return", subject: escrow.0, from, to, reason, at_ms },
    )
    .await?;
    Ok(true)
}

/// How many returns of a giveaway are not answered.
///
/// # Errors
/// When the database fails.
pub async fn count_requested<C: ConnectionTrait>(
    conn: &C,
    giveaway: GiveawayId,
) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::GiveawayId.eq(giveaway.0))
        .filter(Column::State.eq(ReturnState::Requested.as_str()))
        .count(conn)
        .await
}

/// Every return of a giveaway's escrows.
///
/// # Errors
/// When the database fails.
pub async fn of_giveaway<C: ConnectionTrait>(
    conn: &C,
    giveaway: GiveawayId,
) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::GiveawayId.eq(giveaway.0)).all(conn).await
}
