//! Publish sagas and their items; their batches are in [`batch`], and in [`lease`] who works on which.

pub mod batch;
pub mod lease;

use jiff::Timestamp;
use ledger::Money;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, QueryOrder as _, QuerySelect as _,
    entity::prelude::*, sea_query::Expr,
};

use super::event::{self, Change};
use crate::{
    domain::{
        publication::NewBatch,
        saga::{BatchState, SagaState},
    },
    error::Result,
    ids::{GiveawayId, HostId, SagaId},
};

/// An attempt to publish a giveaway. Its hold at the ledger has the same id.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "saga")]
pub struct Model {
    /// Its id, and that of its hold.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What is being published.
    pub giveaway_id: Uuid,
    /// Whose money.
    pub host_id: Uuid,
    /// Where it stands: [`Model::state`].
    pub state: String,
    /// What the host wrote as opening time, should the giveaway become a draft again.
    pub draft_opens_at: Option<i64>,
    /// All prizes together.
    pub amount_minor: i64,
    /// Of the amount.
    pub currency: String,
    /// Why it compensates.
    pub reason: Option<String>,
    /// When it stops trying to reserve, Unix milliseconds.
    pub deadline_at: i64,
    /// When it is worked on next.
    pub next_at: i64,
    /// Turns in a row that got no further.
    pub turns: i32,
    /// Until when somebody works on it.
    pub lease_until: i64,
    /// Grows with every lease.
    pub fence: i64,
    /// Whether somebody should look at it.
    pub needs_operator: bool,
    /// When it began.
    pub created_at: i64,
    /// When its state changed last.
    pub changed_at: i64,
}

/// Of a giveaway.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Items: one escrow each.
pub mod item {
    use sea_orm::entity::prelude::*;

    /// An escrow that a saga reserves.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "saga_item")]
    pub struct Model {
        /// Made up front, so that a crash never loses what may have been reserved.
        #[sea_orm(primary_key, auto_increment = false)]
        pub escrow_id: Uuid,
        /// Its batch.
        pub batch_id: Uuid,
        /// Its saga.
        pub saga_id: Uuid,
        /// The prize unit that it funds.
        pub unit_id: Uuid,
        /// The product of the card.
        pub product_id: Uuid,
        /// The value of the card, in the saga's currency.
        pub value_minor: i64,
    }

    /// Of a batch.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Model {
    /// Its id, typed.
    pub fn saga_id(&self) -> SagaId {
        SagaId(self.id)
    }

    /// What it publishes.
    pub fn giveaway(&self) -> GiveawayId {
        GiveawayId(self.giveaway_id)
    }

    /// Where it stands.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn state(&self) -> Result<SagaState> {
        Ok(self.state.parse()?)
    }
}

/// A saga to be written.
#[derive(Clone, Debug)]
pub struct NewSaga {
    /// Its id.
    pub id: SagaId,
    /// What is being published.
    pub giveaway: GiveawayId,
    /// Whose money.
    pub host: HostId,
    /// All prizes together.
    pub amount: Money,
    /// When it stops trying to reserve.
    pub deadline: Timestamp,
    /// Its batches, in order.
    pub batches: Vec<NewBatch>,
}

/// Writes a saga with everything that it will ever send, and what the draft said that publishing
/// replaces.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(
    tx: &C,
    saga: &NewSaga,
    draft_opens_at: Option<i64>,
    now: Timestamp,
) -> Result<()> {
    let at_ms = now.as_millisecond();
    let row = ActiveModel {
        id: Set(saga.id.0),
        giveaway_id: Set(saga.giveaway.0),
        host_id: Set(saga.host.0),
        state: Set(SagaState::Reserving.as_str().to_owned()),
        draft_opens_at: Set(draft_opens_at),
        amount_minor: Set(saga.amount.minor),
        currency: Set(saga.amount.currency.as_str().to_owned()),
        reason: Set(None),
        deadline_at: Set(saga.deadline.as_millisecond()),
        next_at: Set(at_ms),
        turns: Set(0),
        lease_until: Set(0),
        fence: Set(0),
        needs_operator: Set(false),
        created_at: Set(at_ms),
        changed_at: Set(at_ms),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    for (number, batch) in (0_i32..).zip(&saga.batches) {
        let row = batch::ActiveModel {
            id: Set(batch.id.0),
            saga_id: Set(saga.id.0),
            number: Set(number),
            state: Set(BatchState::Planned.as_str().to_owned()),
            reserve_request: Set(batch.reserve_request.clone()),
            confirm_request: Set(batch.confirm_request.clone()),
            cancel_request: Set(batch.cancel_request.clone()),
            note: Set(None),
            refusal: Set(None),
        };
        batch::Entity::insert(row).exec_without_returning(tx).await?;
        let items = batch.items.iter().map(|item| item::ActiveModel {
            escrow_id: Set(item.escrow.0),
            batch_id: Set(batch.id.0),
            saga_id: Set(saga.id.0),
            unit_id: Set(item.unit.0),
            product_id: Set(item.product.0),
            value_minor: Set(item.value.minor),
        });
        item::Entity::insert_many(items).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// The saga of this id.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(conn: &C, id: SagaId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(conn).await
}

/// The saga of this id, locked until the transaction ends. Lock its giveaway first.
///
/// # Errors
/// When the database fails.
pub async fn lock<C: ConnectionTrait>(tx: &C, id: SagaId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).lock_exclusive().one(tx).await
}

/// A saga's items.
///
/// # Errors
/// When the database fails.
pub async fn items<C: ConnectionTrait>(conn: &C, id: SagaId) -> Result<Vec<item::Model>, DbErr> {
    item::Entity::find()
        .filter(item::Column::SagaId.eq(id.0))
        .order_by_asc(item::Column::EscrowId)
        .all(conn)
        .await
}

/// States that nothing follows.
const ENDED: [SagaState; 2] = [SagaState::Confirmed, SagaState::Compensated];

/// Sagas that have not ended, the oldest first: for the operator.
///
/// # Errors
/// When the database fails.
pub async fn alive<C: ConnectionTrait>(conn: &C, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::State.is_not_in(ENDED.map(SagaState::as_str)))
        .order_by_asc(Column::CreatedAt)
        .limit(limit)
        .all(conn)
        .await
}

/// How many sagas have not ended.
///
/// # Errors
/// When the database fails.
pub async fn count_alive<C: ConnectionTrait>(conn: &C) -> Result<u64, DbErr> {
    Entity::find().filter(Column::State.is_not_in(ENDED.map(SagaState::as_str))).count(conn).await
}

/// Moves a saga to the next state, with its event; a saga that ended needs no operator any more.
/// False when it is not in `from` any more.
///
/// # Errors
/// When the database fails, or the machine has no such step.
pub async fn advance<C: ConnectionTrait>(
    tx: &C,
    id: SagaId,
    from: SagaState,
    to: SagaState,
    reason: &str,
    now: Timestamp,
) -> Result<bool> {
    if !from.may_become(to) {
        return Err(anyhow::anyhow!("a saga that is {from} cannot become {to}").into());
    }
    let at_ms = now.as_millisecond();
    let mut update = Entity::update_many()
        .col_expr(Column::State, Expr::value(to.as_str()))
        .col_expr(Column::ChangedAt, Expr::value(at_ms))
        .col_expr(Column::NextAt, Expr::value(at_ms))
        .col_expr(Column::Turns, Expr::value(0_i32));
    if to == SagaState::Compensating {
        update = update.col_expr(Column::Reason, Expr::value(reason));
    }
    if to.is_terminal() {
        update = update.col_expr(Column::NeedsOperator, Expr::value(false));
    }
    let changed =
        update.filter(Column::Id.eq(id.0)).filter(Column::State.eq(from.as_str())).exec(tx).await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    let (from, to) = (from.as_str(), to.as_str());
    event::record(tx, Change { machine: "saga", subject: id.0, from, to, reason, at_ms }).await?;
    Ok(true)
}
