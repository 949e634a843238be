//! Escrows, and the one row that each terminal state takes.

use std::collections::HashMap;

use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _,
    IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};

use super::{
    event::{self, Event},
    money,
};
use crate::domain::{
    escrow::EscrowState,
    ids::{EscrowId, SagaId},
};

pub(crate) use entity::Model as Escrow;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::{
        escrow::EscrowState,
        ids::{EscrowId, ProductId, SagaId},
    };

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "escrow")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: EscrowId,
        pub saga_id: SagaId,
        /// None for a tombstone, like value and currency.
        pub product_id: Option<ProductId>,
        pub value_minor: Option<i64>,
        pub currency: Option<String>,
        pub state: EscrowState,
        pub created_at: i64,
        pub changed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The table of terminals: the primary key lets an escrow end once.
pub(crate) mod terminal {
    use sea_orm::entity::prelude::*;

    use crate::domain::{escrow::EscrowState, ids::EscrowId};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "escrow_terminal")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub escrow_id: EscrowId,
        pub state: EscrowState,
        pub at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity};

impl Escrow {
    /// The value of an escrow that was reserved.
    ///
    /// # Errors
    /// For a tombstone, which has none.
    pub(crate) fn value(&self) -> anyhow::Result<ledger::Money> {
        match (self.value_minor, &self.currency) {
            (Some(minor), Some(currency)) => money(minor, currency),
            _ => anyhow::bail!("{} is a tombstone and has no value", self.id),
        }
    }
}

/// The escrow of this id, locked until the transaction ends.
pub(crate) async fn lock(tx: &impl ConnectionTrait, id: EscrowId) -> Result<Option<Escrow>, DbErr> {
    Entity::find_by_id(id).lock_exclusive().one(tx).await
}

/// The escrows of these ids that exist. The caller holds the saga's row, so none of them changes.
pub(crate) async fn find_many(
    tx: &impl ConnectionTrait,
    ids: &[EscrowId],
) -> Result<HashMap<EscrowId, Escrow>, DbErr> {
    let found = Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(tx).await?;
    Ok(found.into_iter().map(|escrow| (escrow.id, escrow)).collect())
}

/// The reserved escrows of a saga, at most `limit`.
pub(crate) async fn reserved_of(
    conn: &impl ConnectionTrait,
    saga: SagaId,
    limit: u64,
) -> Result<Vec<Escrow>, DbErr> {
    Entity::find()
        .filter(Column::SagaId.eq(saga))
        .filter(Column::State.eq(EscrowState::Reserved))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(conn)
        .await
}

/// The longest reserved escrows of all sagas, for the operator.
pub(crate) async fn pending(
    conn: &impl ConnectionTrait,
    after: Option<EscrowId>,
    limit: u64,
) -> Result<Vec<Escrow>, DbErr> {
    let mut query = Entity::find().filter(Column::State.eq(EscrowState::Reserved));
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after));
    }
    query.order_by_asc(Column::Id).limit(limit).all(conn).await
}

/// Writes new escrows, reserved or as tombstones.
pub(crate) async fn insert(
    tx: &impl ConnectionTrait,
    escrows: Vec<Escrow>,
    reason: &'static str,
    now_ms: i64,
) -> Result<(), DbErr> {
    if escrows.is_empty() {
        return Ok(());
    }
    let events: Vec<_> = escrows
        .iter()
        .map(|escrow| Event { subject: escrow.id.to_string(), from: None, to: escrow.state })
        .collect();
    let ended: Vec<_> = escrows
        .iter()
        .filter(|escrow| EscrowState::TERMINAL.contains(&escrow.state))
        .map(|escrow| (escrow.id, escrow.state))
        .collect();
    let rows = escrows.into_iter().map(|escrow| escrow.into_active_model());
    Entity::insert_many(rows).exec_without_returning(tx).await?;
    end(tx, ended, now_ms).await?;
    event::record(tx, events, reason, now_ms).await
}

/// Moves escrows from one state to another. Returns whether all of them were in the first.
pub(crate) async fn advance(
    tx: &impl ConnectionTrait,
    ids: &[EscrowId],
    from: EscrowState,
    to: EscrowState,
    reason: &'static str,
    now_ms: i64,
) -> Result<bool, DbErr> {
    if ids.is_empty() {
        return Ok(true);
    }
    let changed = Entity::update_many()
        .col_expr(Column::State, Expr::value(to))
        .col_expr(Column::ChangedAt, Expr::value(now_ms))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::State.eq(from))
        .exec(tx)
        .await?;
    if changed.rows_affected != ids.len() as u64 {
        return Ok(false);
    }
    if EscrowState::TERMINAL.contains(&to) {
        end(tx, ids.iter().map(|id| (*id, to)).collect(), now_ms).await?;
    }
    let events = ids.iter().map(|id| Event { subject: id.to_string(), from: Some(from), to });
    event::record(tx, events, reason, now_ms).await?;
    Ok(true)
}

async fn end(
    tx: &impl ConnectionTrait,
    ended: Vec<(EscrowId, EscrowState)>,
    now_ms: i64,
) -> Result<(), DbErr> {
    if ended.is_empty() {
        return Ok(());
    }
    let rows = ended.into_iter().map(|(id, state)| terminal::ActiveModel {
        escrow_id: Set(id),
        state: Set(state),
        at: Set(now_ms),
    });
    terminal::Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}
