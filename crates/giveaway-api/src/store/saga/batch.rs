//! Batches: what one call reserves.

use jiff::Timestamp;
use sea_orm::{
    ConnectionTrait, DbErr, ExprTrait as _, QueryOrder as _,
    entity::prelude::*,
    sea_query::{Expr, Query, SelectStatement},
};

use super::{Column as SagaColumn, Entity as Saga};
use crate::{
    domain::saga::{BatchState, SagaState},
    error::Result,
    ids::{BatchId, SagaId},
    store::event::{self, Change},
};

/// Some of a saga's escrows, with the bytes of every call that may be made about them.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "saga_batch")]
pub struct Model {
    /// What the answer to its confirmation is about.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The saga.
    pub saga_id: Uuid,
    /// Its number in the saga, from 0.
    pub number: i32,
    /// Where it stands: [`Model::state`].
    pub state: String,
    /// The encoded request that reserves it.
    pub reserve_request: Vec<u8>,
    /// The encoded request that confirms it.
    pub confirm_request: Vec<u8>,
    /// The encoded request that cancels it.
    pub cancel_request: Vec<u8>,
    /// What the last call about it said, unless it succeeded.
    pub note: Option<String>,
    /// Why it was not reserved, when giftcard-api decided against it.
    pub refusal: Option<String>,
}

impl Model {
    /// Where it stands.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn state(&self) -> Result<BatchState> {
        Ok(self.state.parse()?)
    }
}

/// Of a saga.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A saga's batches, in order.
///
/// # Errors
/// When the database fails.
pub async fn of_saga<C: ConnectionTrait>(conn: &C, id: SagaId) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::SagaId.eq(id.0)).order_by_asc(Column::Number).all(conn).await
}

/// The batch of this id.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(conn: &C, id: BatchId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(conn).await
}

/// Moves a batch to the next state, with its event. False when it is not in `from` any more.
///
/// # Errors
/// When the database fails.
pub async fn advance<C: ConnectionTrait>(
    tx: &C,
    id: BatchId,
    from: BatchState,
    to: BatchState,
    now: Timestamp,
) -> Result<bool> {
    let changed = Entity::update_many()
        .col_expr(Column::State, Expr::value(to.as_str()))
        .col_expr(Column::Note, Expr::value(None::<String>))
        .filter(Column::Id.eq(id.0))
        .filter(Column::State.eq(from.as_str()))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    let (from, to, at_ms) = (from.as_str(), to.as_str(), now.as_millisecond());
    let reason = "answered by giftcard-api";
    event::record(tx, Change { machine: "saga_batch", subject: id.0, from, to, reason, at_ms })
        .await?;
    Ok(true)
}

/// Notes what the last call about a batch said, as long as nobody took the saga over.
///
/// # Errors
/// When the database fails.
pub async fn note<C: ConnectionTrait>(
    conn: &C,
    saga: SagaId,
    fence: i64,
    batch: BatchId,
    note: &str,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Note, Expr::value(note))
        .filter(Column::Id.eq(batch.0))
        .filter(Expr::exists(held(saga, fence)))
        .exec(conn)
        .await?;
    Ok(())
}

/// Keeps why a batch was not reserved: the first reason, and only while nothing is decided. What is
/// refused later was cancelled before.
///
/// # Errors
/// When the database fails.
pub async fn refuse<C: ConnectionTrait>(
    conn: &C,
    saga: SagaId,
    fence: i64,
    batch: BatchId,
    refusal: &str,
) -> Result<(), DbErr> {
    let undecided = held(saga, fence)
        .and_where(Expr::col((Saga, SagaColumn::State)).eq(SagaState::Reserving.as_str()))
        .to_owned();
    Entity::update_many()
        .col_expr(Column::Refusal, Expr::value(refusal))
        .filter(Column::Id.eq(batch.0))
        .filter(Column::Refusal.is_null())
        .filter(Expr::exists(undecided))
        .exec(conn)
        .await?;
    Ok(())
}

/// The saga, if its lease is still the one under this fence.
fn held(saga: SagaId, fence: i64) -> SelectStatement {
    Query::select()
        .expr(Expr::value(1))
        .from(Saga)
        .and_where(Expr::col((Saga, SagaColumn::Id)).eq(saga.0))
        .and_where(Expr::col((Saga, SagaColumn::Fence)).eq(fence))
        .to_owned()
}
