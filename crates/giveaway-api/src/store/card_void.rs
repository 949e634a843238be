//! What came back from cards that were voided: one row per void, never changed.

use jiff::Timestamp;
use ledger::Money;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, QuerySelect as _, entity::prelude::*,
    sea_query::OnConflict,
};

use crate::ids::{EscrowId, HostId, VoidId};

/// A void whose money the host has.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "card_void")]
pub struct Model {
    /// Made up by giftcard-api: a second credit of it cannot be written.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The escrow that became the card.
    pub escrow_id: Uuid,
    /// Who got the money.
    pub host_id: Uuid,
    /// How much.
    pub amount_minor: i64,
    /// Of the amount.
    pub currency: String,
    /// When, Unix milliseconds.
    pub credited_at: i64,
}

/// Of a host.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Writes a void. False when it is known.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(
    tx: &C,
    id: VoidId,
    escrow: EscrowId,
    host: HostId,
    amount: Money,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let row = ActiveModel {
        id: Set(id.0),
        escrow_id: Set(escrow.0),
        host_id: Set(host.0),
        amount_minor: Set(amount.minor),
        currency: Set(amount.currency.to_string()),
        credited_at: Set(now.as_millisecond()),
    };
    let inserted = Entity::insert(row)
        .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(inserted == 1)
}

/// The void of this id.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(conn: &C, id: VoidId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(conn).await
}

/// How much came back of an escrow so far, in minor units.
///
/// # Errors
/// When the database fails.
pub async fn total<C: ConnectionTrait>(conn: &C, escrow: EscrowId) -> Result<i64, DbErr> {
    let amounts: Vec<i64> = Entity::find()
        .select_only()
        .column(Column::AmountMinor)
        .filter(Column::EscrowId.eq(escrow.0))
        .into_tuple()
        .all(conn)
        .await?;
    Ok(amounts.into_iter().sum())
}
