//! What happened: one row per change of a state, never changed.

use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait as _, entity::prelude::*};

/// A change of a state.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "state_event")]
pub struct Model {
    /// Time-ordered.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Which state machine: the table's name.
    pub machine: String,
    /// Whose state.
    pub subject: Uuid,
    /// Before.
    pub from_state: String,
    /// After.
    pub to_state: String,
    /// Why, in a word or a sentence.
    pub reason: String,
    /// When, Unix milliseconds.
    pub at: i64,
}

/// Stands alone: its subjects are in many tables.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A change of a state, to be recorded in the transaction that makes it.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// Which state machine: the table's name.
    pub machine: &'static str,
    /// Whose state.
    pub subject: Uuid,
    /// Before.
    pub from: &'static str,
    /// After.
    pub to: &'static str,
    /// Why.
    pub reason: &'a str,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// Records a change.
///
/// # Errors
/// When the database fails.
pub async fn record<C: ConnectionTrait>(conn: &C, change: Change<'_>) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(Uuid::now_v7()),
        machine: Set(change.machine.to_owned()),
        subject: Set(change.subject),
        from_state: Set(change.from.to_owned()),
        to_state: Set(change.to.to_owned()),
        reason: Set(change.reason.to_owned()),
        at: Set(change.at_ms),
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}
