//! Counters per giveaway, and which batches were added already.

use std::collections::BTreeMap;

use contracts::processor::Count;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, ExprTrait as _, QueryFilter as _,
    QueryOrder as _, TryInsertResult,
    sea_query::{Expr, OnConflict},
};

use crate::domain::counts::Counter;

/// Rows of one statement: five values each, far below the 32,766 that SQLite takes.
const ROWS: usize = 500;

/// Notes a batch; `false` when it was noted before.
pub(crate) async fn note_batch<C: ConnectionTrait>(
    conn: &C,
    batch_id: &str,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let row = batch::ActiveModel { batch_id: Set(batch_id.to_owned()), at: Set(now_ms) };
    let inserted =
        batch::Entity::insert(row).on_conflict_do_nothing().exec_without_returning(conn).await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1..)))
}

/// Adds to counters.
pub(crate) async fn add<C: ConnectionTrait>(
    conn: &C,
    sums: BTreeMap<Counter, i64>,
) -> Result<(), DbErr> {
    use counter::Column as C;
    let mut rows: Vec<counter::ActiveModel> = sums
        .into_iter()
        .map(|((giveaway_id, name, label, hour), n)| counter::ActiveModel {
            giveaway_id: Set(giveaway_id),
            name: Set(name),
            label: Set(label),
            hour: Set(hour),
            n: Set(n),
        })
        .collect();
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(ROWS));
        counter::Entity::insert_many(std::mem::replace(&mut rows, rest))
            .on_conflict(
                OnConflict::columns([C::GiveawayId, C::Name, C::Label, C::Hour])
                    .value(
                        C::N,
                        Expr::col((counter::Entity, C::N)).add(Expr::col(("excluded", C::N))),
                    )
                    .to_owned(),
            )
            .exec_without_returning(conn)
            .await?;
    }
    Ok(())
}

/// The counters of one giveaway, in a fixed order.
pub(crate) async fn of_giveaway<C: ConnectionTrait>(
    conn: &C,
    giveaway_id: &str,
) -> Result<Vec<Count>, DbErr> {
    let rows = counter::Entity::find()
        .filter(counter::Column::GiveawayId.eq(giveaway_id))
        .order_by_asc(counter::Column::Name)
        .order_by_asc(counter::Column::Label)
        .order_by_asc(counter::Column::Hour)
        .all(conn)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| Count {
            giveaway_id: row.giveaway_id,
            name: row.name,
            label: row.label,
            hour: row.hour,
            n: row.n,
        })
        .collect())
}

/// Forgets batches noted before `before_ms`.
pub(crate) async fn forget_batches<C: ConnectionTrait>(
    conn: &C,
    before_ms: i64,
) -> Result<(), DbErr> {
    batch::Entity::delete_many().filter(batch::Column::At.lt(before_ms)).exec(conn).await?;
    Ok(())
}

/// The counters.
pub(crate) mod counter {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "counter")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub giveaway_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub label: String,
        /// Unix seconds of the hour's beginning.
        #[sea_orm(primary_key, auto_increment = false)]
        pub hour: i64,
        pub n: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The batches.
pub(crate) mod batch {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "count_batch")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub batch_id: String,
        pub at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
