//! The append-only history of every state machine.

use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait as _};
use uuid::Uuid;

use crate::domain::state::Machine;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "state_event")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// What changed, as text: a prefixed id, or a provider reference.
        pub subject: String,
        pub from_state: Option<String>,
        pub to_state: String,
        pub reason: String,
        pub at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// One transition of one thing.
#[derive(Debug)]
pub(crate) struct Event<S> {
    /// What changed.
    pub(crate) subject: String,
    /// From where; none for a beginning.
    pub(crate) from: Option<S>,
    /// To where.
    pub(crate) to: S,
}

/// Writes transitions, in the transaction that makes them.
pub(crate) async fn record<S: Machine>(
    tx: &impl ConnectionTrait,
    events: impl IntoIterator<Item = Event<S>>,
    reason: &'static str,
    now_ms: i64,
) -> Result<(), DbErr> {
    let rows: Vec<_> = events
        .into_iter()
        .map(|event| {
            debug_assert!(S::allows(event.from, event.to), "{event:?} is not in the table");
            entity::ActiveModel {
                id: Set(Uuid::now_v7()),
                subject: Set(event.subject),
                from_state: Set(event.from.map(|state| state.as_str().to_owned())),
                to_state: Set(event.to.as_str().to_owned()),
                reason: Set(reason.to_owned()),
                at: Set(now_ms),
            }
        })
        .collect();
    if !rows.is_empty() {
        entity::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Writes one transition.
pub(crate) async fn record_one<S: Machine>(
    tx: &impl ConnectionTrait,
    subject: impl ToString,
    from: Option<S>,
    to: S,
    reason: &'static str,
    now_ms: i64,
) -> Result<(), DbErr> {
    record(tx, [Event { subject: subject.to_string(), from, to }], reason, now_ms).await
}
