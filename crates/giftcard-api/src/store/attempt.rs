//! Attempts of settlements: one small row before the money moves, because without it a crash
//! between transfer and commit would leave money gone and no trace.

use platform::provider::{NewTransfer, ProviderAmount};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, ExprTrait as _,
    IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};

use super::event;
use crate::domain::{ids::SettlementId, settlement::AttemptState};

pub(crate) use entity::Model as Attempt;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::{
        ids::{MerchantId, SettlementId},
        settlement::AttemptState,
    };

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "settlement_attempt")]
    pub struct Model {
        /// `stl_{id}_{number}`.
        #[sea_orm(primary_key, auto_increment = false)]
        pub provider_ref: String,
        pub settlement_id: SettlementId,
        pub number: i32,
        pub merchant_id: MerchantId,
        /// Frozen, like currency and destination: every send has the same body.
        pub amount_minor: i64,
        pub currency: String,
        pub destination: String,
        pub state: AttemptState,
        /// Counts claims, and fences what an earlier claim concluded from a refusal.
        pub claims: i32,
        /// Sends that may have reached the provider.
        pub possible_sends: i32,
        /// Exchanges without a result since the last one with a result.
        pub tries: i32,
        /// When the sweep takes it up (again): the end of a lease, or of a wait.
        pub due_at: i64,
        pub first_sent_at: Option<i64>,
        /// The provider's id, unique over all attempts.
        pub provider_id: Option<String>,
        pub failure_code: Option<String>,
        /// Why there is no result yet, for the operator.
        pub note: Option<String>,
        /// When the provider's own list showed the transfer.
        pub listed_at: Option<i64>,
        pub created_at: i64,
        pub changed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity};

impl Attempt {
    /// The transfer, the same for every send.
    pub(crate) fn transfer(&self) -> NewTransfer {
        NewTransfer {
            provider_ref: self.provider_ref.clone(),
            amount: ProviderAmount::new(self.amount_minor, self.currency.clone()),
            destination: self.destination.clone(),
        }
    }
}

/// Writes an attempt in its first state.
pub(crate) async fn insert(tx: &impl ConnectionTrait, attempt: Attempt) -> Result<(), DbErr> {
    let (subject, state, at) = (attempt.provider_ref.clone(), attempt.state, attempt.created_at);
    Entity::insert(attempt.into_active_model()).exec_without_returning(tx).await?;
    event::record_one(tx, subject, None, state, "written before the transfer", at).await
}

/// The attempt with this reference.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    provider_ref: &str,
) -> Result<Option<Attempt>, DbErr> {
    Entity::find_by_id(provider_ref).one(conn).await
}

/// The attempts of a settlement, the first one first.
pub(crate) async fn of_settlement(
    conn: &impl ConnectionTrait,
    settlement: SettlementId,
) -> Result<Vec<Attempt>, DbErr> {
    Entity::find()
        .filter(Column::SettlementId.eq(settlement))
        .order_by_asc(Column::Number)
        .all(conn)
        .await
}

/// The attempt with this reference, locked until the transaction ends.
pub(crate) async fn lock(
    tx: &impl ConnectionTrait,
    provider_ref: &str,
) -> Result<Option<Attempt>, DbErr> {
    Entity::find_by_id(provider_ref).lock_exclusive().one(tx).await
}

/// Attempts that the sweep takes up, the longest due first.
pub(crate) async fn due(
    conn: &impl ConnectionTrait,
    now_ms: i64,
    limit: u64,
) -> Result<Vec<Attempt>, DbErr> {
    Entity::find()
        .filter(Column::State.is_in(AttemptState::LIVE))
        .filter(Column::DueAt.lte(now_ms))
        .order_by_asc(Column::DueAt)
        .limit(limit)
        .all(conn)
        .await
}

/// Ends every lease: whoever held one is known to be gone.
pub(crate) async fn take_over(conn: &impl ConnectionTrait, now_ms: i64) -> Result<u64, DbErr> {
    let released = Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(now_ms))
        .filter(Column::State.eq(AttemptState::Sending))
        .filter(Column::DueAt.gt(now_ms))
        .exec(conn)
        .await?;
    Ok(released.rows_affected)
}

/// Claims an attempt as it was loaded: nobody else did since. `first_sent_at` is given when what
/// follows may send it, which counts as a send from now on.
pub(crate) async fn claim(
    tx: &impl ConnectionTrait,
    attempt: &Attempt,
    first_sent_at: Option<i64>,
    lease_until_ms: i64,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let to =
        if attempt.state == AttemptState::Intent { AttemptState::Sending } else { attempt.state };
    let mut update = Entity::update_many()
        .col_expr(Column::State, Expr::value(to))
        .col_expr(Column::Claims, Expr::col(Column::Claims).add(1))
        .col_expr(Column::DueAt, Expr::value(lease_until_ms))
        .col_expr(Column::ChangedAt, Expr::value(now_ms));
    if let Some(first_sent_at) = first_sent_at {
        update = update
            .col_expr(Column::PossibleSends, Expr::col(Column::PossibleSends).add(1))
            .col_expr(Column::FirstSentAt, Expr::value(first_sent_at));
    }
    let changed = update
        .filter(Column::ProviderRef.eq(attempt.provider_ref.as_str()))
        .filter(Column::State.eq(attempt.state))
        .filter(Column::Claims.eq(attempt.claims))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    if to != attempt.state {
        let subject = attempt.provider_ref.as_str();
        event::record_one(tx, subject, Some(attempt.state), to, "about to send", now_ms).await?;
    }
    Ok(true)
}

/// Plans the next exchange after one without a result, unless somebody else claimed the attempt.
/// `unsent` takes back the send that the claim had counted.
pub(crate) async fn put_off(
    tx: &impl ConnectionTrait,
    claimed: &Attempt,
    unsent: bool,
    note: &str,
    due_ms: i64,
) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::Tries, Expr::col(Column::Tries).add(1))
        .col_expr(Column::PossibleSends, Expr::col(Column::PossibleSends).sub(i32::from(unsent)))
        .col_expr(Column::DueAt, Expr::value(due_ms))
        .col_expr(Column::Note, Expr::value(note))
        .filter(Column::ProviderRef.eq(claimed.provider_ref.as_str()))
        .filter(Column::State.eq(claimed.state))
        .filter(Column::Claims.eq(claimed.claims))
        .exec(tx)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// What a transition of an attempt writes beside the state.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Change<'a> {
    /// The provider's id, once known.
    pub(crate) provider_id: Option<&'a str>,
    /// Why it failed.
    pub(crate) failure_code: Option<&'a str>,
    /// What the operator said about it.
    pub(crate) note: Option<&'a str>,
    /// When to look again.
    pub(crate) due_ms: Option<i64>,
}

/// Moves an attempt from its state to another. Its row is locked by the caller.
pub(crate) async fn advance(
    tx: &impl ConnectionTrait,
    provider_ref: &str,
    (from, to): (AttemptState, AttemptState),
    change: Change<'_>,
    reason: &'static str,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let mut update = Entity::update_many()
        .col_expr(Column::State, Expr::value(to))
        .col_expr(Column::Tries, Expr::value(0))
        .col_expr(Column::Note, Expr::value(change.note))
        .col_expr(Column::ChangedAt, Expr::value(now_ms));
    if let Some(id) = change.provider_id {
        update = update.col_expr(Column::ProviderId, Expr::value(id));
    }
    if let Some(code) = change.failure_code {
        update = update.col_expr(Column::FailureCode, Expr::value(code));
    }
    if let Some(due_ms) = change.due_ms {
        update = update.col_expr(Column::DueAt, Expr::value(due_ms));
    }
    let changed = update
        .filter(Column::ProviderRef.eq(provider_ref))
        .filter(Column::State.eq(from))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    event::record_one(tx, provider_ref, Some(from), to, reason, now_ms).await?;
    Ok(true)
}

/// Notes that the provider's list showed the transfer.
pub(crate) async fn listed(
    tx: &impl ConnectionTrait,
    provider_ref: &str,
    now_ms: i64,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::ListedAt, Expr::value(now_ms))
        .filter(Column::ProviderRef.eq(provider_ref))
        .filter(Column::ListedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Attempts that we hold for paid since before `before_ms` and that the provider's list never
/// showed.
pub(crate) async fn unlisted(
    conn: &impl ConnectionTrait,
    before_ms: i64,
    limit: u64,
) -> Result<Vec<Attempt>, DbErr> {
    Entity::find()
        .filter(Column::State.is_in([AttemptState::Paid, AttemptState::Reversed]))
        .filter(Column::ListedAt.is_null())
        .filter(Column::ChangedAt.lt(before_ms))
        .order_by_asc(Column::ChangedAt)
        .limit(limit)
        .all(conn)
        .await
}
