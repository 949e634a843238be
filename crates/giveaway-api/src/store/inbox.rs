//! What the payment provider told us, and how far its list was read.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, DbErr, QueryOrder as _, QuerySelect as _,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};

/// An event of the provider. It says what to look at, never what is true.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_inbox")]
pub struct Model {
    /// The provider's id of the event.
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: String,
    /// What happened.
    pub kind: String,
    /// To which of the provider's objects.
    pub object_id: String,
    /// When it came, Unix milliseconds.
    pub received_at: i64,
    /// When we were done with it.
    pub handled_at: Option<i64>,
}

/// Stands alone.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Cursors of sweeps.
pub mod cursor {
    use sea_orm::entity::prelude::*;

    /// How far a sweep has come.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sweep_cursor")]
    pub struct Model {
        /// Which sweep.
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        /// The provider's cursor.
        pub position: String,
    }

    /// Stands alone.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Keeps an event. One that was kept before changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    event_id: String,
    kind: &str,
    object_id: String,
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        event_id: Set(event_id),
        kind: Set(kind.to_owned()),
        object_id: Set(object_id),
        received_at: Set(now.as_millisecond()),
        handled_at: Set(None),
    };
    Entity::insert(row)
        .on_conflict(OnConflict::column(Column::EventId).do_nothing().to_owned())
        .exec_without_returning(conn)
        .await?;
    Ok(())
}

/// The oldest events that we are not done with.
///
/// # Errors
/// When the database fails.
pub async fn waiting<C: ConnectionTrait>(conn: &C, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::HandledAt.is_null())
        .order_by_asc(Column::ReceivedAt)
        .limit(limit)
        .all(conn)
        .await
}

/// Notes that we are done with an event.
///
/// # Errors
/// When the database fails.
pub async fn handled<C: ConnectionTrait>(
    conn: &C,
    event_id: &str,
    now: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::HandledAt, Expr::value(now.as_millisecond()))
        .filter(Column::EventId.eq(event_id))
        .exec(conn)
        .await?;
    Ok(())
}

/// How far a sweep has come.
///
/// # Errors
/// When the database fails.
pub async fn position<C: ConnectionTrait>(conn: &C, sweep: &str) -> Result<Option<String>, DbErr> {
    let row = cursor::Entity::find_by_id(sweep.to_owned()).one(conn).await?;
    Ok(row.map(|row| row.position))
}

/// Notes how far a sweep has come.
///
/// # Errors
/// When the database fails.
pub async fn set_position<C: ConnectionTrait>(
    conn: &C,
    sweep: &str,
    position: String,
) -> Result<(), DbErr> {
    let row = cursor::ActiveModel { name: Set(sweep.to_owned()), position: Set(position) };
    cursor::Entity::insert(row)
        .on_conflict(
            OnConflict::column(cursor::Column::Name)
                .update_column(cursor::Column::Position)
                .to_owned(),
        )
        .exec_without_returning(conn)
        .await?;
    Ok(())
}
