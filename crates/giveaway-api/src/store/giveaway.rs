//! Giveaways.

use draw::{
    codes::Ground,
    rules::{Eligibility, Rules},
};
use jiff::Timestamp;
use ledger::Money;
use platform::{Tx, clock::from_millis};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, DbErr, ExprTrait as _, QueryOrder as _, QuerySelect as _,
    entity::prelude::*,
    sea_query::{Expr, Query},
};

use super::{
    event::{self, Change},
    prize, unit,
};
use crate::{
    domain::{
        draft::{Draft, PrizeLine},
        giveaway::{GiveawayState, UnitState},
        news::{self, About},
    },
    error::{Error, Result},
    ids::{GiveawayId, HostId, ProductId, SagaId},
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
        let text = self
            .rules
            .as_deref()
            .ok_or_else(|| anyhow::anyhow!("giveaway {} has no rules", self.giveaway_id()))?;
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

    /// What the host wrote, with its prizes. While it is published, `opens_at` is the rules'.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn draft(&self, prizes: &[prize::Model]) -> Result<Draft> {
        let currency = self.currency.parse().map_err(anyhow::Error::from)?;
        let number = |value: i32| u32::try_from(value).map_err(anyhow::Error::from);
        let line = |prize: &prize::Model| PrizeLine {
            product_id: ProductId(prize.product_id),
            value: Money::new(prize.value_minor, currency),
            units: prize.units,
        };
        Ok(Draft {
            title: self.title.clone(),
            description: self.description.clone(),
            currency,
            prizes: prizes.iter().map(line).collect(),
            alternates: number(self.alternates)?,
            eligibility: self.eligibility()?,
            opens_at: self.opens_at.map(from_millis),
            closes_at: from_millis(self.closes_at),
            review_seconds: number(self.review_seconds)?,
            lead_seconds: number(self.lead_seconds)?,
            claim_seconds: number(self.claim_seconds)?,
            grounds: self.grounds()?,
        })
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

/// Giveaways of all hosts, newest first, from the one before `before` on: of one state, or of all.
///
/// # Errors
/// When the database fails.
pub async fn list_all<C: ConnectionTrait>(
    conn: &C,
    state: Option<GiveawayState>,
    before: Option<GiveawayId>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find();
    if let Some(state) = state {
        query = query.filter(Column::State.eq(state.as_str()));
    }
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

/// Giveaways of one state that have no open unit left.
///
/// # Errors
/// When the database fails.
pub async fn settled<C: ConnectionTrait>(
    conn: &C,
    state: GiveawayState,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let open_unit = Query::select()
        .expr(Expr::value(1))
        .from(unit::Entity)
        .and_where(Expr::col((unit::Entity, unit::Column::GiveawayId)).equals((Entity, Column::Id)))
        .and_where(Expr::col((unit::Entity, unit::Column::State)).eq(UnitState::Open.as_str()))
        .to_owned();
    Entity::find()
        .filter(Column::State.eq(state.as_str()))
        .filter(Expr::exists(open_unit).not())
        .limit(limit)
        .all(conn)
        .await
}

/// Writes a draft.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    id: GiveawayId,
    host: HostId,
    draft: &Draft,
    now: Timestamp,
) -> Result<()> {
    let row = ActiveModel {
        id: Set(id.0),
        host_id: Set(host.0),
        state: Set(GiveawayState::Draft.as_str().to_owned()),
        freeze_at: Set(None),
        draw_at: Set(None),
        round: Set(None),
        rules: Set(None),
        rules_hash: Set(None),
        saga_id: Set(None),
        created_at: Set(now.as_millisecond()),
        changed_at: Set(now.as_millisecond()),
        ..drafted(draft)?
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Replaces what a draft says. False when it is no draft any more: nothing was written.
///
/// # Errors
/// When the database fails.
pub async fn replace_draft<C: ConnectionTrait>(
    tx: &C,
    id: GiveawayId,
    draft: &Draft,
) -> Result<bool> {
    let replaced = Entity::update_many()
        .set(drafted(draft)?)
        .filter(Column::Id.eq(id.0))
        .filter(Column::State.eq(GiveawayState::Draft.as_str()))
        .exec(tx)
        .await?;
    Ok(replaced.rows_affected == 1)
}

/// Locks the rules in, in the transaction that begins to publish.
///
/// # Errors
/// When the database fails.
pub async fn set_rules<C: ConnectionTrait>(
    tx: &C,
    id: GiveawayId,
    saga: SagaId,
    rules: &Rules,
) -> Result<()> {
    let canonical = String::from_utf8(rules.canonical()).map_err(anyhow::Error::from)?;
    let freeze_at = rules.freeze_at().map(|at| at.timestamp().as_millisecond());
    let row = ActiveModel {
        saga_id: Set(Some(saga.0)),
        rules_hash: Set(Some(rules.hash().to_string())),
        rules: Set(Some(canonical)),
        round: Set(Some(i64::try_from(rules.round).map_err(anyhow::Error::from)?)),
        opens_at: Set(Some(rules.opens_at.timestamp().as_millisecond())),
        freeze_at: Set(freeze_at),
        draw_at: Set(Some(rules.draw_at.timestamp().as_millisecond())),
        ..Default::default()
    };
    Entity::update_many().set(row).filter(Column::Id.eq(id.0)).exec(tx).await?;
    Ok(())
}

/// Opens the rules again, after a saga that was compensated: `opens_at` is what the host wrote.
///
/// # Errors
/// When the database fails.
pub async fn clear_rules<C: ConnectionTrait>(
    tx: &C,
    id: GiveawayId,
    opens_at: Option<i64>,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        rules_hash: Set(None),
        rules: Set(None),
        round: Set(None),
        opens_at: Set(opens_at),
        freeze_at: Set(None),
        draw_at: Set(None),
        ..Default::default()
    };
    Entity::update_many().set(row).filter(Column::Id.eq(id.0)).exec(tx).await?;
    Ok(())
}

/// The columns that a host decides.
fn drafted(draft: &Draft) -> Result<ActiveModel> {
    let number = |value: u32| i32::try_from(value).map_err(anyhow::Error::from);
    Ok(ActiveModel {
        title: Set(draft.title.clone()),
        description: Set(draft.description.clone()),
        currency: Set(draft.currency.as_str().to_owned()),
        alternates: Set(number(draft.alternates)?),
        eligibility: Set(serde_json::to_string(&draft.eligibility).map_err(anyhow::Error::from)?),
        grounds: Set(serde_json::to_string(&draft.grounds).map_err(anyhow::Error::from)?),
        opens_at: Set(draft.opens_at.map(Timestamp::as_millisecond)),
        closes_at: Set(draft.closes_at.as_millisecond()),
        review_seconds: Set(number(draft.review_seconds)?),
        lead_seconds: Set(number(draft.lead_seconds)?),
        claim_seconds: Set(number(draft.claim_seconds)?),
        ..Default::default()
    })
}

/// Moves a giveaway from one state to the next, with its event, and tells those who watch. False when
/// it is not in `from` any more: somebody else was faster, and nothing was written.
///
/// # Errors
/// When the database fails, or the machine has no such step.
pub async fn advance(
    tx: &Tx,
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
    let change = Change {
        machine: "giveaway",
        subject: id.0,
        from: from.as_str(),
        to: to.as_str(),
        reason,
        at_ms,
    };
    event::record(tx, change).await?;
    let host: Option<Uuid> =
        Entity::find_by_id(id.0).select_only().column(Column::HostId).into_tuple().one(tx).await?;
    let host = HostId(host.ok_or(Error::NotFound("giveaway"))?);
    for event in news::phase(About { giveaway: id, at: now }, host, from, to) {
        tx.tell(event);
    }
    Ok(true)
}
