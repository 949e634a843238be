//! What happened since the last report to the job processor, which keeps the counters.

use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, QueryOrder as _, QuerySelect as _, entity::prelude::*,
};

use crate::ids::GiveawayId;

/// So many things of one kind happened in one hour.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "counter_delta")]
pub struct Model {
    /// Time-ordered.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// In which giveaway.
    pub giveaway_id: Uuid,
    /// What is counted.
    pub name: String,
    /// Which of them; empty for a plain total.
    pub label: String,
    /// The hour, Unix seconds.
    pub hour: i64,
    /// How many.
    pub n: i64,
}

/// Of a giveaway.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Something that happened so many times.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Counted {
    /// What is counted.
    pub name: &'static str,
    /// Which of them; empty for a plain total.
    pub label: String,
}

/// Notes what happened in the hour of `now_ms`, in the transaction in which it happened.
///
/// # Errors
/// When the database fails.
pub async fn add<C: ConnectionTrait>(
    tx: &C,
    giveaway: GiveawayId,
    counted: impl IntoIterator<Item = (Counted, i64)>,
    now_ms: i64,
) -> Result<(), DbErr> {
    const HOUR_SECONDS: i64 = 3_600;
    let hour = now_ms.div_euclid(1_000 * HOUR_SECONDS) * HOUR_SECONDS;
    let rows: Vec<ActiveModel> = counted
        .into_iter()
        .map(|(Counted { name, label }, n)| ActiveModel {
            id: Set(Uuid::now_v7()),
            giveaway_id: Set(giveaway.0),
            name: Set(name.to_owned()),
            label: Set(label),
            hour: Set(hour),
            n: Set(n),
        })
        .collect();
    Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}

/// The oldest deltas, locked until the transaction ends; another instance's are passed over.
///
/// # Errors
/// When the database fails.
pub async fn lock_oldest<C: ConnectionTrait>(tx: &C, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .order_by_asc(Column::Id)
        .limit(limit)
        .lock_with_behavior(
            sea_orm::sea_query::LockType::Update,
            sea_orm::sea_query::LockBehavior::SkipLocked,
        )
        .all(tx)
        .await
}

/// Whether nothing is waiting to be reported: the cheap look before a transaction.
///
/// # Errors
/// When the database fails.
pub async fn is_empty<C: ConnectionTrait>(conn: &C) -> Result<bool, DbErr> {
    Ok(Entity::find().limit(1).one(conn).await?.is_none())
}

/// Removes deltas that were reported.
///
/// # Errors
/// When the database fails.
pub async fn remove<C: ConnectionTrait>(
    tx: &C,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::Id.is_in(ids)).exec(tx).await?;
    Ok(())
}
