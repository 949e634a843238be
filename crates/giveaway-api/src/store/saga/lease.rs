//! Who works on which saga. The fence grows with every lease, and whoever writes under an older one
//! is not heard.

use jiff::{SignedDuration, Timestamp};
use sea_orm::{
    Condition, ConnectionTrait, DbErr, QueryOrder as _, QuerySelect as _, entity::prelude::*,
    sea_query::Expr,
};

use super::{Column, Entity, Model};
use crate::{domain::saga::SagaState, ids::SagaId};

/// Sagas that have not ended, whose time has come and that nobody works on, the longest waiting
/// first.
///
/// # Errors
/// When the database fails.
pub async fn due<C: ConnectionTrait>(
    conn: &C,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let at_ms = now.as_millisecond();
    let alive = [SagaState::Reserving, SagaState::Compensating].map(SagaState::as_str);
    Entity::find()
        .filter(Column::State.is_in(alive))
        .filter(Column::NextAt.lte(at_ms))
        .filter(Column::LeaseUntil.lte(at_ms))
        .order_by_asc(Column::NextAt)
        .limit(limit)
        .all(conn)
        .await
}

/// Takes the lease of a saga that nobody works on, and tells the fence under which the taker may
/// write. None when somebody else was faster.
///
/// # Errors
/// When the database fails.
pub async fn take<C: ConnectionTrait>(
    conn: &C,
    saga: &Model,
    now: Timestamp,
    lease: SignedDuration,
) -> Result<Option<i64>, DbErr> {
    let fence = saga.fence + 1;
    let taken = Entity::update_many()
        .col_expr(Column::Fence, Expr::value(fence))
        .col_expr(Column::LeaseUntil, Expr::value((now + lease).as_millisecond()))
        .filter(Column::Id.eq(saga.id))
        .filter(Column::Fence.eq(saga.fence))
        .filter(Column::LeaseUntil.lte(now.as_millisecond()))
        .exec(conn)
        .await?;
    Ok((taken.rows_affected == 1).then_some(fence))
}

/// Keeps the lease for longer. False when it was lost.
///
/// # Errors
/// When the database fails.
pub async fn keep<C: ConnectionTrait>(
    conn: &C,
    id: SagaId,
    fence: i64,
    until: Timestamp,
) -> Result<bool, DbErr> {
    let kept = Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(until.as_millisecond()))
        .filter(Column::Id.eq(id.0))
        .filter(Column::Fence.eq(fence))
        .exec(conn)
        .await?;
    Ok(kept.rows_affected == 1)
}

/// Gives the lease back and says when the saga is worked on next. False, and nothing is written, when
/// the lease was lost, or when somebody moved the saga on meanwhile: then there is something to do now.
///
/// # Errors
/// When the database fails.
pub async fn rest<C: ConnectionTrait>(
    conn: &C,
    seen: &Model,
    fence: i64,
    turns: i32,
    next: Timestamp,
    needs_operator: bool,
) -> Result<bool, DbErr> {
    let rested = Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(0_i64))
        .col_expr(Column::Turns, Expr::value(turns))
        .col_expr(Column::NextAt, Expr::value(next.as_millisecond()))
        .col_expr(Column::NeedsOperator, Expr::value(needs_operator))
        .filter(Column::Id.eq(seen.id))
        .filter(Column::Fence.eq(fence))
        .filter(Column::State.eq(seen.state.as_str()))
        .exec(conn)
        .await?;
    Ok(rested.rows_affected == 1)
}

/// Gives the lease back as it is, for whoever takes it next. Nothing is written when it was lost.
///
/// # Errors
/// When the database fails.
pub async fn give_back<C: ConnectionTrait>(conn: &C, id: SagaId, fence: i64) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(0_i64))
        .filter(Column::Id.eq(id.0))
        .filter(Column::Fence.eq(fence))
        .exec(conn)
        .await?;
    Ok(())
}

/// Makes a saga due that was flagged for the operator, and takes the flag away. False when it is not
/// flagged. A lease that somebody holds stays as it is: the saga is being worked on.
///
/// # Errors
/// When the database fails.
pub async fn make_due<C: ConnectionTrait>(
    tx: &C,
    id: SagaId,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let made = Entity::update_many()
        .col_expr(Column::NextAt, Expr::value(now.as_millisecond()))
        .col_expr(Column::Turns, Expr::value(0_i32))
        .col_expr(Column::NeedsOperator, Expr::value(false))
        .filter(Column::Id.eq(id.0))
        .filter(Column::NeedsOperator.eq(true))
        .exec(tx)
        .await?;
    Ok(made.rows_affected == 1)
}

/// Ends every lease. Whoever held one is fenced off by the next that takes it.
///
/// # Errors
/// When the database fails.
pub async fn end_all<C: ConnectionTrait>(conn: &C) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(0_i64))
        .filter(Column::LeaseUntil.ne(0))
        .exec(conn)
        .await?;
    Ok(())
}

/// Whether [`flag_unconfirmed`] would flag anything.
///
/// # Errors
/// When the database fails.
pub async fn has_unconfirmed<C: ConnectionTrait>(
    conn: &C,
    since: Timestamp,
) -> Result<bool, DbErr> {
    Ok(Entity::find().filter(unconfirmed(since)).one(conn).await?.is_some())
}

/// Flags committed sagas that wait for their confirmations since before `since`, and returns how
/// many were newly flagged. Nothing drives them but the outbox, so nobody else would notice.
///
/// # Errors
/// When the database fails.
pub async fn flag_unconfirmed<C: ConnectionTrait>(
    conn: &C,
    since: Timestamp,
) -> Result<u64, DbErr> {
    let flagged = Entity::update_many()
        .col_expr(Column::NeedsOperator, Expr::value(true))
        .filter(unconfirmed(since))
        .exec(conn)
        .await?;
    Ok(flagged.rows_affected)
}

fn unconfirmed(since: Timestamp) -> Condition {
    Condition::all()
        .add(Column::State.eq(SagaState::Committed.as_str()))
        .add(Column::ChangedAt.lt(since.as_millisecond()))
        .add(Column::NeedsOperator.eq(false))
}
