//! Withdrawals: a row with its terms before the money moves, because without it a crash between
//! transfer and commit would leave money gone and no trace.

use jiff::Timestamp;
use ledger::Money;
use platform::provider::{NewTransfer, ProviderAmount};
use sea_orm::{
    ConnectionTrait, DbErr, ExprTrait as _, IntoActiveModel as _, QueryOrder as _,
    QuerySelect as _, entity::prelude::*, sea_query::Expr,
};

use super::event::{self, Change};
use crate::{
    domain::withdrawal::WithdrawalState,
    error::Result,
    ids::{HostId, WithdrawalId},
};

/// A withdrawal.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "withdrawal")]
pub struct Model {
    /// Also the id of its hold.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose wallet.
    pub host_id: Uuid,
    /// Frozen, like currency and destination: every send has the same body.
    pub amount_minor: i64,
    /// The currency.
    pub currency: String,
    /// Where to, in the provider's terms.
    pub destination: String,
    /// `wdr_…`, also the provider's idempotency key.
    pub provider_ref: String,
    /// Where it stands.
    pub state: String,
    /// Counts claims, and fences what an earlier claim concluded from a refusal.
    pub claims: i32,
    /// Sends that may have reached the provider.
    pub possible_sends: i32,
    /// Exchanges without a result since the last one with a result.
    pub tries: i32,
    /// When the scan takes it up (again): the end of a lease, or of a wait.
    pub due_at: i64,
    /// When the provider may have heard of it first.
    pub first_sent_at: Option<i64>,
    /// The provider's id, unique over all.
    pub provider_id: Option<String>,
    /// Why it failed, as the provider's code.
    pub failure_code: Option<String>,
    /// Why there is no result yet, for the operator.
    pub note: Option<String>,
    /// Whether an operator was called to it.
    pub needs_operator: bool,
    /// When the provider's own list showed the transfer.
    pub listed_at: Option<i64>,
    /// When it was asked for, Unix milliseconds.
    pub created_at: i64,
    /// When its state changed last.
    pub changed_at: i64,
}

/// Of a host.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Its id.
    pub fn id(&self) -> WithdrawalId {
        WithdrawalId(self.id)
    }

    /// Where it stands.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn state(&self) -> Result<WithdrawalState> {
        Ok(self.state.parse()?)
    }

    /// How much.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn amount(&self) -> Result<Money> {
        let currency = self.currency.parse().map_err(anyhow::Error::from)?;
        Ok(Money::new(self.amount_minor, currency))
    }

    /// The transfer, the same for every send.
    pub fn transfer(&self) -> NewTransfer {
        NewTransfer {
            provider_ref: self.provider_ref.clone(),
            amount: ProviderAmount::new(self.amount_minor, self.currency.clone()),
            destination: self.destination.clone(),
        }
    }
}

/// Writes a withdrawal in its first state.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(tx: &C, row: Model) -> Result<(), DbErr> {
    Entity::insert(row.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// The withdrawal of this id.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(conn: &C, id: WithdrawalId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(conn).await
}

/// The withdrawal of this reference, locked until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn lock<C: ConnectionTrait>(tx: &C, provider_ref: &str) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::ProviderRef.eq(provider_ref)).lock_exclusive().one(tx).await
}

/// A host's withdrawals, the latest first, before one of them.
///
/// # Errors
/// When the database fails.
pub async fn of_host<C: ConnectionTrait>(
    conn: &C,
    host: HostId,
    before: Option<WithdrawalId>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().filter(Column::HostId.eq(host.0));
    if let Some(before) = before {
        query = query.filter(Column::Id.lt(before.0));
    }
    // Ids are time-ordered.
    query.order_by_desc(Column::Id).limit(limit).all(conn).await
}

/// Those that are not over, the oldest first, for the operator.
///
/// # Errors
/// When the database fails.
pub async fn under_way<C: ConnectionTrait>(conn: &C, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(is_live()).order_by_asc(Column::Id).limit(limit).all(conn).await
}

/// Those that the scan takes up, the longest due first.
///
/// # Errors
/// When the database fails.
pub async fn due<C: ConnectionTrait>(
    conn: &C,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(is_live())
        .filter(Column::DueAt.lte(now.as_millisecond()))
        .order_by_asc(Column::DueAt)
        .limit(limit)
        .all(conn)
        .await
}

fn is_live() -> sea_orm::sea_query::SimpleExpr {
    Column::State.is_in(WithdrawalState::LIVE.map(WithdrawalState::as_str))
}

/// Ends every lease: whoever held one is known to be gone.
///
/// # Errors
/// When the database fails.
pub async fn end_leases<C: ConnectionTrait>(conn: &C, now: Timestamp) -> Result<u64, DbErr> {
    let ended = Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(now.as_millisecond()))
        .filter(Column::State.eq(WithdrawalState::Sending.as_str()))
        .filter(Column::DueAt.gt(now.as_millisecond()))
        .exec(conn)
        .await?;
    Ok(ended.rows_affected)
}

/// Claims a withdrawal as it was loaded: nobody else did since. `first_sent_at` is given when what
/// follows may send it, which counts as a send from now on.
///
/// # Errors
/// When the database fails.
pub async fn claim<C: ConnectionTrait>(
    tx: &C,
    row: &Model,
    first_sent_at: Option<i64>,
    lease_until: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let (from, at_ms) = (row.state()?, now.as_millisecond());
    let to = match from {
        WithdrawalState::Intent => WithdrawalState::Sending,
        other => other,
    };
    let mut update = Entity::update_many()
        .col_expr(Column::State, Expr::value(to.as_str()))
        .col_expr(Column::Claims, Expr::col(Column::Claims).add(1))
        .col_expr(Column::DueAt, Expr::value(lease_until.as_millisecond()))
        .col_expr(Column::ChangedAt, Expr::value(at_ms));
    if let Some(first_sent_at) = first_sent_at {
        update = update
            .col_expr(Column::PossibleSends, Expr::col(Column::PossibleSends).add(1))
            .col_expr(Column::FirstSentAt, Expr::value(first_sent_at));
    }
    let changed = as_loaded(update, row).exec(tx).await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    if to != from {
        record(tx, row.id, (from, to), "about to send", at_ms).await?;
    }
    Ok(true)
}

/// Plans the next exchange after one without a result, unless somebody else claimed it. `unsent` takes
/// back the send that the claim had counted.
///
/// # Errors
/// When the database fails.
pub async fn put_off<C: ConnectionTrait>(
    tx: &C,
    row: &Model,
    unsent: bool,
    note: &str,
    due: Timestamp,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Tries, Expr::col(Column::Tries).add(1))
        .col_expr(Column::PossibleSends, Expr::col(Column::PossibleSends).sub(i32::from(unsent)))
        .col_expr(Column::DueAt, Expr::value(due.as_millisecond()))
        .col_expr(Column::Note, Expr::value(note));
    Ok(as_loaded(update, row).exec(tx).await?.rows_affected == 1)
}

fn as_loaded(update: sea_orm::UpdateMany<Entity>, row: &Model) -> sea_orm::UpdateMany<Entity> {
    update
        .filter(Column::Id.eq(row.id))
        .filter(Column::State.eq(row.state.as_str()))
        .filter(Column::Claims.eq(row.claims))
}

/// Calls an operator. False when one was called before.
///
/// # Errors
/// When the database fails.
pub async fn flag<C: ConnectionTrait>(tx: &C, row: &Model) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::NeedsOperator, Expr::value(true))
        .filter(Column::Id.eq(row.id))
        .filter(Column::NeedsOperator.eq(false))
        .exec(tx)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// What a transition writes beside the state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome<'a> {
    /// The provider's id, once known.
    pub provider_id: Option<&'a str>,
    /// Why it failed.
    pub failure_code: Option<&'a str>,
    /// What the operator said about it.
    pub note: Option<&'a str>,
    /// When to look again.
    pub due: Option<Timestamp>,
}

/// Moves a withdrawal from its state to another, with its event. Its row is locked by the caller.
///
/// # Errors
/// When the database fails.
pub async fn advance<C: ConnectionTrait>(
    tx: &C,
    id: WithdrawalId,
    (from, to): (WithdrawalState, WithdrawalState),
    outcome: Outcome<'_>,
    reason: &str,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let mut update = Entity::update_many()
        .col_expr(Column::State, Expr::value(to.as_str()))
        .col_expr(Column::Tries, Expr::value(0))
        .col_expr(Column::Note, Expr::value(outcome.note))
        .col_expr(Column::NeedsOperator, Expr::value(false))
        .col_expr(Column::ChangedAt, Expr::value(now.as_millisecond()));
    if let Some(id) = outcome.provider_id {
        update = update.col_expr(Column::ProviderId, Expr::value(id));
    }
    if let Some(code) = outcome.failure_code {
        update = update.col_expr(Column::FailureCode, Expr::value(code));
    }
    if let Some(due) = outcome.due {
        update = update.col_expr(Column::DueAt, Expr::value(due.as_millisecond()));
    }
    let changed =
        update.filter(Column::Id.eq(id.0)).filter(Column::State.eq(from.as_str())).exec(tx).await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    record(tx, id.0, (from, to), reason, now.as_millisecond()).await?;
    Ok(true)
}

async fn record<C: ConnectionTrait>(
    tx: &C,
    subject: Uuid,
    (from, to): (WithdrawalState, WithdrawalState),
    reason: &str,
    at_ms: i64,
) -> Result<(), DbErr> {
    let (from, to) = (from.as_str(), to.as_str());
    event::record(tx, Change { machine: "withdrawal", subject, from, to, reason, at_ms }).await
}
