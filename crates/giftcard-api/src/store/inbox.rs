//! Events that the provider pushed. Their ids stay for ever, so that a repeat has no effect.

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};

pub(crate) use entity::Model as ProviderEvent;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "provider_event")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub object_id: String,
        /// Our reference, when the event is about a transfer of ours.
        pub reference: Option<String>,
        pub received_at: i64,
        pub handled_at: Option<i64>,
        /// When to look at the provider's object (again).
        pub due_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity};

/// Writes an event. Returns false when it was received before.
pub(crate) async fn insert(
    tx: &impl ConnectionTrait,
    received: ProviderEvent,
) -> Result<bool, DbErr> {
    let inserted = Entity::insert(received.into_active_model())
        .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(inserted == 1)
}

/// Events that wait to be acted on, the longest due first.
pub(crate) async fn due(
    conn: &impl ConnectionTrait,
    now_ms: i64,
    limit: u64,
) -> Result<Vec<ProviderEvent>, DbErr> {
    Entity::find()
        .filter(Column::HandledAt.is_null())
        .filter(Column::DueAt.lte(now_ms))
        .order_by_asc(Column::DueAt)
        .limit(limit)
        .all(conn)
        .await
}

/// Notes that an event was acted on.
pub(crate) async fn handled(
    conn: &impl ConnectionTrait,
    id: &str,
    now_ms: i64,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::HandledAt, Expr::value(now_ms))
        .filter(Column::Id.eq(id))
        .exec(conn)
        .await?;
    Ok(())
}

/// Plans another look.
pub(crate) async fn put_off(
    conn: &impl ConnectionTrait,
    id: &str,
    due_ms: i64,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(due_ms))
        .filter(Column::Id.eq(id))
        .exec(conn)
        .await?;
    Ok(())
}
