//! Periodic work: when each is due, and how far it got. Claiming a period is a compare-and-set, so
//! that of several instances one does the work.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, OnConflict},
};

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "schedule")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub due_at: i64,
        /// How far the work got, for work that goes on where it stopped.
        pub cursor: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity};

/// Claims the work if it is due, and plans its next time. Work that was never done is due
/// `first_in_ms` from now.
pub(crate) async fn claim(
    conn: &impl ConnectionTrait,
    name: &'static str,
    now_ms: i64,
    (first_in_ms, every_ms): (i64, i64),
) -> Result<bool, DbErr> {
    let first = entity::ActiveModel {
        name: Set(name.to_owned()),
        due_at: Set(now_ms.saturating_add(first_in_ms)),
        cursor: Set(None),
    };
    let known = Entity::find_by_id(name).one(conn).await?;
    match known {
        Some(row) if row.due_at > now_ms => return Ok(false),
        Some(_) => {}
        None => {
            Entity::insert(first)
                .on_conflict(OnConflict::column(Column::Name).do_nothing().to_owned())
                .exec_without_returning(conn)
                .await?;
        }
    }
    let changed = Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(now_ms.saturating_add(every_ms)))
        .filter(Column::Name.eq(name))
        .filter(Column::DueAt.lte(now_ms))
        .exec(conn)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Makes work due now that was done before.
pub(crate) async fn hasten(
    conn: &impl ConnectionTrait,
    name: &'static str,
    now_ms: i64,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(now_ms))
        .filter(Column::Name.eq(name))
        .filter(Column::DueAt.gt(now_ms))
        .exec(conn)
        .await?;
    Ok(())
}

/// How far the work got.
pub(crate) async fn cursor(
    conn: &impl ConnectionTrait,
    name: &'static str,
) -> Result<Option<String>, DbErr> {
    Ok(Entity::find_by_id(name).one(conn).await?.and_then(|row| row.cursor))
}

/// Notes how far the work got.
pub(crate) async fn got_to(
    conn: &impl ConnectionTrait,
    name: &'static str,
    cursor: &str,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Cursor, Expr::value(cursor))
        .filter(Column::Name.eq(name))
        .exec(conn)
        .await?;
    Ok(())
}
