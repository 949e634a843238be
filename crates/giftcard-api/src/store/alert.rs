//! What a person has to look at. One row per kind and subject, however often it is noticed.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The provider moved money that no attempt explains.
    UnmatchedTransfer,
    /// An attempt that we hold for paid is not at the provider.
    MissingTransfer,
    /// An attempt that only the operator can bring to an end.
    AttemptStuck,
    /// A call came under a known key with other bytes.
    KeyMismatch,
    /// A call contradicts what we know about an escrow.
    EscrowContradiction,
    /// giveaway-api does not say what became of a saga.
    SagaUnresolved,
}

impl Kind {
    /// The name in the database and in the log.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::UnmatchedTransfer => "unmatched_transfer",
            Self::MissingTransfer => "missing_transfer",
            Self::AttemptStuck => "attempt_stuck",
            Self::KeyMismatch => "key_mismatch",
            Self::EscrowContradiction => "escrow_contradiction",
            Self::SagaUnresolved => "saga_unresolved",
        }
    }
}

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "alert")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub kind: String,
        pub subject: String,
        pub detail: String,
        pub raised_at: i64,
        pub cleared_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) use entity::Model as Alert;
use entity::{Column, Entity};

/// Raises an alert, and logs it the first time. Raised again after it was cleared, it is open again.
pub(crate) async fn raise(
    conn: &impl ConnectionTrait,
    kind: Kind,
    subject: impl ToString,
    detail: impl Into<String>,
    now_ms: i64,
) -> Result<(), DbErr> {
    let (subject, detail) = (subject.to_string(), detail.into());
    let row = entity::ActiveModel {
        id: Set(Uuid::now_v7()),
        kind: Set(kind.as_str().to_owned()),
        subject: Set(subject.clone()),
        detail: Set(detail.clone()),
        raised_at: Set(now_ms),
        cleared_at: Set(None),
    };
    let reopen = OnConflict::columns([Column::Kind, Column::Subject])
        .update_columns([Column::Detail, Column::RaisedAt, Column::ClearedAt])
        .action_and_where(Expr::cust("alert.cleared_at IS NOT NULL"))
        .to_owned();
    let raised = Entity::insert(row).on_conflict(reopen).exec_without_returning(conn).await?;
    if raised > 0 {
        tracing::error!(alert = kind.as_str(), %subject, %detail, "an operator is needed");
    }
    Ok(())
}

/// Clears an alert: what it was about is over.
pub(crate) async fn clear(
    conn: &impl ConnectionTrait,
    kind: Kind,
    subject: impl ToString,
    now_ms: i64,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::ClearedAt, Expr::value(now_ms))
        .filter(Column::Kind.eq(kind.as_str()))
        .filter(Column::Subject.eq(subject.to_string()))
        .filter(Column::ClearedAt.is_null())
        .exec(conn)
        .await?;
    Ok(())
}

/// Whether there is such an alert, and nobody has cleared it.
pub(crate) async fn is_open(
    conn: &impl ConnectionTrait,
    kind: Kind,
    subject: &str,
) -> Result<bool, DbErr> {
    let found = Entity::find()
        .filter(Column::Kind.eq(kind.as_str()))
        .filter(Column::Subject.eq(subject))
        .filter(Column::ClearedAt.is_null())
        .one(conn)
        .await?;
    Ok(found.is_some())
}

/// Open alerts, the oldest first.
pub(crate) async fn open(
    conn: &impl ConnectionTrait,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Alert>, DbErr> {
    let mut query = Entity::find().filter(Column::ClearedAt.is_null());
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after));
    }
    query.order_by_asc(Column::Id).limit(limit).all(conn).await
}
