//! Top-ups of wallets, and the payments behind them.

use jiff::Timestamp;
use ledger::Money;
use platform::provider::NewCheckout;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, DbErr, QueryOrder as _, QuerySelect as _,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait as _, Func, OnConflict},
};

use super::event::{self, Change};
use crate::{
    domain::top_up::TopUpState,
    error::Result,
    ids::{HostId, TopUpId},
};

/// A top-up.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "top_up")]
pub struct Model {
    /// Its text form is our reference at the provider.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose wallet.
    pub host_id: Uuid,
    /// How much was asked for.
    pub amount_minor: i64,
    /// Of the amount.
    pub currency: String,
    /// Where it stands: [`Model::state`].
    pub state: String,
    /// What the provider is asked for, again and again in the same words, until it answers:
    /// [`Model::checkout_request`].
    pub checkout_request: String,
    /// The provider's checkout, once it is opened.
    pub checkout_id: Option<String>,
    /// Where the host pays.
    pub checkout_url: Option<String>,
    /// When it was asked for, Unix milliseconds.
    pub created_at: i64,
    /// When its state changed last.
    pub changed_at: i64,
    /// When it was last looked up at the provider.
    pub looked_at: Option<i64>,
}

/// Of a host.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Payments that were posted.
pub mod payment {
    use sea_orm::entity::prelude::*;

    /// A payment that was posted, once and for ever.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "provider_payment")]
    pub struct Model {
        /// The provider's id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub payment_id: String,
        /// The top-up that it was for; none when nobody had asked for it.
        pub top_up_id: Option<Uuid>,
        /// What was paid.
        pub gross_minor: i64,
        /// What the provider kept of it.
        pub cost_minor: i64,
        /// Of both.
        pub currency: String,
        /// When it was posted, Unix milliseconds.
        pub posted_at: i64,
    }

    /// Of a top-up.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Model {
    /// Where it stands.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn state(&self) -> Result<TopUpState> {
        Ok(self.state.parse()?)
    }

    /// How much was asked for.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn amount(&self) -> Result<Money> {
        let currency = self.currency.parse().map_err(anyhow::Error::from)?;
        Ok(Money::new(self.amount_minor, currency))
    }

    /// What the provider is asked for.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn checkout_request(&self) -> Result<NewCheckout> {
        Ok(serde_json::from_str(&self.checkout_request).map_err(anyhow::Error::from)?)
    }
}

/// Writes a top-up that waits for its payment.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    id: TopUpId,
    host: HostId,
    amount: Money,
    checkout: &NewCheckout,
    now: Timestamp,
) -> Result<()> {
    let row = ActiveModel {
        id: Set(id.0),
        host_id: Set(host.0),
        amount_minor: Set(amount.minor),
        currency: Set(amount.currency.as_str().to_owned()),
        state: Set(TopUpState::Pending.as_str().to_owned()),
        checkout_request: Set(serde_json::to_string(checkout).map_err(anyhow::Error::from)?),
        checkout_id: Set(None),
        checkout_url: Set(None),
        created_at: Set(now.as_millisecond()),
        changed_at: Set(now.as_millisecond()),
        looked_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Notes where the host pays.
///
/// # Errors
/// When the database fails.
pub async fn set_checkout<C: ConnectionTrait>(
    conn: &C,
    id: TopUpId,
    checkout_id: String,
    url: String,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::CheckoutId, Expr::value(checkout_id))
        .col_expr(Column::CheckoutUrl, Expr::value(url))
        .filter(Column::Id.eq(id.0))
        .exec(conn)
        .await?;
    Ok(())
}

/// The top-up of this id.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(conn: &C, id: TopUpId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(conn).await
}

/// The top-up of this id, locked until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn lock<C: ConnectionTrait>(tx: &C, id: TopUpId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).lock_exclusive().one(tx).await
}

/// Top-ups that wait, and that nobody has told or asked anything of since before that time; the
/// quietest first.
///
/// # Errors
/// When the database fails.
pub async fn quiet<C: ConnectionTrait>(
    conn: &C,
    before: Timestamp,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let last = Func::coalesce([Expr::col(Column::LookedAt), Expr::col(Column::CreatedAt)]);
    Entity::find()
        .filter(Column::State.eq(TopUpState::Pending.as_str()))
        .filter(Expr::expr(last.clone()).lte(before.as_millisecond()))
        .order_by_asc(Expr::expr(last))
        .limit(limit)
        .all(conn)
        .await
}

/// Notes that a top-up is looked up.
///
/// # Errors
/// When the database fails.
pub async fn set_looked_at<C: ConnectionTrait>(
    conn: &C,
    id: TopUpId,
    now: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::LookedAt, Expr::value(now.as_millisecond()))
        .filter(Column::Id.eq(id.0))
        .exec(conn)
        .await?;
    Ok(())
}

/// The currencies that a host ever topped up in, in alphabetical order: those its wallet can have.
///
/// # Errors
/// When the database fails.
pub async fn currencies<C: ConnectionTrait>(conn: &C, host: HostId) -> Result<Vec<String>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Currency)
        .distinct()
        .filter(Column::HostId.eq(host.0))
        .order_by_asc(Column::Currency)
        .into_tuple()
        .all(conn)
        .await
}

/// Moves a top-up to the next state, with its event. False when it is not in `from` any more.
///
/// # Errors
/// When the database fails.
pub async fn advance<C: ConnectionTrait>(
    tx: &C,
    id: TopUpId,
    from: TopUpState,
    to: TopUpState,
    reason: &str,
    now: Timestamp,
) -> Result<bool> {
    let at_ms = now.as_millisecond();
    let changed = Entity::update_many()
        .col_expr(Column::State, Expr::value(to.as_str()))
        .col_expr(Column::ChangedAt, Expr::value(at_ms))
        .filter(Column::Id.eq(id.0))
        .filter(Column::State.eq(from.as_str()))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    let (from, to) = (from.as_str(), to.as_str());
    event::record(tx, Change { machine: "top_up", subject: id.0, from, to, reason, at_ms }).await?;
    Ok(true)
}

/// Whether a payment was posted.
///
/// # Errors
/// When the database fails.
pub async fn is_posted<C: ConnectionTrait>(conn: &C, payment_id: &str) -> Result<bool, DbErr> {
    Ok(payment::Entity::find_by_id(payment_id.to_owned()).one(conn).await?.is_some())
}

/// Notes that a payment is posted. False when it had been: it must not be posted again.
///
/// # Errors
/// When the database fails.
pub async fn insert_payment<C: ConnectionTrait>(
    tx: &C,
    payment_id: &str,
    top_up: Option<TopUpId>,
    gross: Money,
    cost_minor: i64,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let row = payment::ActiveModel {
        payment_id: Set(payment_id.to_owned()),
        top_up_id: Set(top_up.map(|id| id.0)),
        gross_minor: Set(gross.minor),
        cost_minor: Set(cost_minor),
        currency: Set(gross.currency.as_str().to_owned()),
        posted_at: Set(now.as_millisecond()),
    };
    let inserted = payment::Entity::insert(row)
        .on_conflict(OnConflict::column(payment::Column::PaymentId).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(inserted == 1)
}
