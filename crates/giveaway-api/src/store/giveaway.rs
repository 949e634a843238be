//! Giveaways.

use draw::{codes::Ground, rules::{Eligibility, Rules}};
use jiff::Timestamp;
use sea_orm::{
    ConnectionTrait, DbErr, QueryOrder as _, QuerySelect as _, entity::prelude::*,
    sea_query::Expr,
};

use super::event::{self, Change};
use crate::{
    domain::giveaway::GiveawayState,
    error::{Error, Result},
    ids::{GiveawayId, HostId},
};

/// A giveaway. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "giveaway")]
pub struct Model {
    /// Also the id of its draw.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose it is.
    pub host_id: Uuid,
    /// Where it stands: [`Model::state`].
    pub state: String,
    /// Its name.
    pub title: String,
    /// What the host says about it, as plain text.
    pub description: String,
    /// Of all its prizes.
    pub currency: String,
    /// How many alternates are drawn after the winners.
    pub alternates: i32,
    /// Who may win, as JSON: [`Model::eligibility`].
    pub eligibility: String,
    /// On which grounds one may be disqualified, as a JSON list: [`Model::grounds`].
    pub grounds: String,
    /// When entries are taken from; none while it is a draft that opens as soon as it is funded.
    pub opens_at: Option<i64>,
    /// When entries are taken until.
    pub closes_at: i64,
    /// How long entries are reviewed after closing.
    pub review_seconds: i32,
    /// How long before the draw the frozen entries are published.
    pub lead_seconds: i32,
    /// How long a winner has to claim.
    pub claim_seconds: i32,
    /// `closes_at` + review, from publishing on.
    pub freeze_at: Option<i64>,
    /// `freeze_at` + lead, from publishing on.
    pub draw_at: Option<i64>,
    /// The beacon's round named in the rules, from publishing on.
    pub round: Option<i64>,
    /// The rules' canonical JSON, from publishing on: [`Model::rules`].
    pub rules: Option<String>,
    /// The rules' hash in hexadecimal digits.
    pub rules_hash: Option<String>,
    /// Its latest publish saga.
    pub saga_id: Option<Uuid>,
    /// When it was drafted.
    pub created_at: i64,
    /// When its state changed last.
    pub changed_at: i64,
}

/// Its prizes and entries refer to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Its id, typed.
    pub fn giveaway_id(&self) -> GiveawayId {
        GiveawayId(self.id)
    }

    /// Where it stands.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn state(&self) -> Result<GiveawayState> {
        Ok(self.state.parse()?)
    }

    /// Its rules, which exist from publishing on.
    ///
    /// # Errors
    /// For a draft and for a corrupt row.
    pub fn rules(&self) -> Result<Rules> {
        let text = self.rules.as_deref().ok_or_else(|| anyhow::anyhow!("giveaway {} has no rules", self.giveaway_id()))?;
        parse("rules", self, text)
    }

    /// Who may win.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn eligibility(&self) -> Result<Eligibility> {
        parse("eligibility", self, &self.eligibility)
    }

    /// On which grounds one may be disqualified.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn grounds(&self) -> Result<Vec<Ground>> {
        parse("grounds", self, &self.grounds)
    }
}

fn parse<T: serde::de::DeserializeOwned>(column: &str, giveaway: &Model, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        Error::Unexpected(anyhow::anyhow!("{column} of {}: {error}", giveaway.giveaway_id()))
    })
}

/// The giveaway of this id.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(conn: &C, id: GiveawayId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(conn).await
}

/// The giveaway of this id, locked until the transaction ends: it is the root of its prizes, sagas
/// and winners, so whoever changes any of them locks it first.
///
/// # Errors
/// When there is none, or the database fails.
pub async fn lock<C: ConnectionTrait>(tx: &C, id: GiveawayId) -> Result<Model> {
    Entity::find_by_id(id.0).lock_exclusive().one(tx).await?.ok_or(Error::NotFound("giveaway"))
}

/// The giveaway of this id, its state locked against changes until the transaction ends. Many may
/// hold this lock at a time; [`lock`] waits for all of them.
///
/// # Errors
/// When the database fails.
pub async fn lock_shared<C: ConnectionTrait>(
    tx: &C,
    id: GiveawayId,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).lock_shared().one(tx).await
}

/// A host's giveaways, newest first, from the one before `before` on.
///
/// # Errors
/// When the database fails.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    host: HostId,
    before: Option<GiveawayId>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().filter(Column::HostId.eq(host.0));
    if let Some(before) = before {
        query = query.filter(Column::Id.lt(before.0));
    }
    query.order_by_desc(Column::Id).limit(limit).all(conn).await
}

/// Giveaways of one state whose `due` column has come, the longest due first.
///
/// # Errors
/// When the database fails.
pub async fn due<C: ConnectionTrait>(
    conn: &C,
    state: GiveawayState,
    due: Column,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::State.eq(state.as_str()))
        .filter(due.lte(now.as_millisecond()))
        .order_by_asc(due)
        .limit(limit)
        .all(conn)
        .await
}

/// Moves a giveaway from one state to the next, with its event. False when it is not in `from` any
/// more: somebody else was faster, and nothing was written.
///
/// # Errors
/// When the database fails, or the machine has no such step.
pub async fn advance<C: ConnectionTrait>(
    tx: &C,
    id: GiveawayId,
    from: GiveawayState,
    to: GiveawayState,
    reason: &str,
    now: Timestamp,
) -> Result<bool> {
    if !from.may_become(to) {
        return Err(anyhow::anyhow!("a giveaway that is {from} cannot become {to}").into());
    }
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
    let change =
        Change { machine: "giveaway", subject: id.0, from: from.as_str(), to: to.as_str(), reason, at_ms };
    event::record(tx, change).await?;
    Ok(true)
}
