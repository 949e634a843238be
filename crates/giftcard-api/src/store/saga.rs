//! What we know of giveaway-api's publish sagas: the root row that everything about the escrows of
//! one saga locks, and when to ask for the saga's decision.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, ExprTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};

use crate::domain::ids::SagaId;

pub(crate) use entity::Model as Saga;

/// The saga decided to go on: its confirms are on their way.
pub(crate) const COMMITTED: &str = "committed";
/// The saga decided not to go on.
pub(crate) const ABORTED: &str = "aborted";

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::ids::SagaId;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "escrow_saga")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: SagaId,
        /// What giveaway-api answered, once it did.
        pub decision: Option<String>,
        /// When to ask; none while there is nothing to ask about.
        pub resolve_at: Option<i64>,
        /// How often we asked.
        pub asked: i32,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity};

/// The saga's row, made if it is new, locked until the transaction ends.
pub(crate) async fn lock(
    tx: &impl ConnectionTrait,
    id: SagaId,
    now_ms: i64,
) -> Result<Saga, DbErr> {
    let row = entity::ActiveModel {
        id: Set(id),
        decision: Set(None),
        resolve_at: Set(None),
        asked: Set(0),
        created_at: Set(now_ms),
    };
    Entity::insert(row)
        .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Entity::find_by_id(id)
        .lock_exclusive()
        .one(tx)
        .await?
        .ok_or_else(|| DbErr::RecordNotFound(format!("{id} has no row after it was written")))
}

/// Plans the next question, or none.
pub(crate) async fn ask_at(
    tx: &impl ConnectionTrait,
    id: SagaId,
    at_ms: Option<i64>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::ResolveAt, Expr::value(at_ms))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Counts a question that was asked; the next one is planned when it is answered.
pub(crate) async fn asked(tx: &impl ConnectionTrait, id: SagaId) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Asked, Expr::col(Column::Asked).add(1))
        .col_expr(Column::ResolveAt, Expr::value(Option::<i64>::None))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Keeps the saga's decision, which is for ever.
pub(crate) async fn decided(
    tx: &impl ConnectionTrait,
    id: SagaId,
    decision: &'static str,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Decision, Expr::value(decision))
        .filter(Column::Id.eq(id))
        .filter(Column::Decision.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Sagas to ask about, the longest due first.
pub(crate) async fn due(
    conn: &impl ConnectionTrait,
    now_ms: i64,
    limit: u64,
) -> Result<Vec<Saga>, DbErr> {
    Entity::find()
        .filter(Column::ResolveAt.lte(now_ms))
        .order_by_asc(Column::ResolveAt)
        .limit(limit)
        .all(conn)
        .await
}
