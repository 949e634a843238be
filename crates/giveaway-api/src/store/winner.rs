//! Winners, and the links to their cards that were used.

use draw::fixed::{Hex, LeafId};
use jiff::Timestamp;
use platform::Tx;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, DbErr, QueryOrder as _, QuerySelect as _,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};

use super::event::{self, Change};
use crate::{
    domain::{
        news::{self, About},
        winner::WinnerState,
    },
    error::{Error, Result},
    ids::{CardId, EntryId, GiveawayId, UnitId, WinnerId},
};

/// The selection of a person as the winner of a unit. A successor is a winner of its own.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "winner")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The giveaway.
    pub giveaway_id: Uuid,
    /// The prize.
    pub unit_id: Uuid,
    /// The person's entry.
    pub entry_id: Uuid,
    /// The entry's leaf.
    pub leaf_id: Uuid,
    /// The place in the order drawn, from 0: nobody is selected twice.
    pub rank: i32,
    /// Where it stands: [`Model::state`].
    pub state: String,
    /// Until when the prize can be claimed, Unix milliseconds.
    pub claim_until: i64,
    /// The card, once it is issued.
    pub card_id: Option<Uuid>,
    /// When it was selected.
    pub selected_at: i64,
    /// When its state changed last.
    pub changed_at: i64,
}

/// Of a giveaway.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Links that were used.
pub mod link_use {
    use sea_orm::entity::prelude::*;

    /// The first use of a link to a card that had been shown before.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "link_use")]
    pub struct Model {
        /// Tells one link from another.
        #[sea_orm(primary_key, auto_increment = false)]
        pub nonce: Uuid,
        /// Whose card.
        pub winner_id: Uuid,
        /// When it was used first, Unix milliseconds.
        pub used_at: i64,
    }

    /// Of a winner.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Model {
    /// Its id, typed.
    pub fn winner_id(&self) -> WinnerId {
        WinnerId(self.id)
    }

    /// Where it stands.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn state(&self) -> Result<WinnerState> {
        Ok(self.state.parse()?)
    }

    /// The leaf.
    pub fn leaf(&self) -> LeafId {
        Hex(*self.leaf_id.as_bytes())
    }
}

/// A winner to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewWinner {
    /// Its id.
    pub id: WinnerId,
    /// The giveaway.
    pub giveaway: GiveawayId,
    /// The prize.
    pub unit: UnitId,
    /// The person's entry.
    pub entry: EntryId,
    /// The entry's leaf, as the database keeps it.
    pub leaf_id: Uuid,
    /// The place in the order drawn.
    pub rank: i32,
    /// Until when the prize can be claimed.
    pub claim_until: Timestamp,
}

/// Winners in one statement, below the number of variables that it may have.
const ROWS_PER_STATEMENT: usize = 500;

/// Writes winners, with their events.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(
    tx: &C,
    winners: &[NewWinner],
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    let at_ms = now.as_millisecond();
    for winners in winners.chunks(ROWS_PER_STATEMENT) {
        let rows = winners.iter().map(|winner| ActiveModel {
            id: Set(winner.id.0),
            giveaway_id: Set(winner.giveaway.0),
            unit_id: Set(winner.unit.0),
            entry_id: Set(winner.entry.0),
            leaf_id: Set(winner.leaf_id),
            rank: Set(winner.rank),
            state: Set(WinnerState::Selected.as_str().to_owned()),
            claim_until: Set(winner.claim_until.as_millisecond()),
            card_id: Set(None),
            selected_at: Set(at_ms),
            changed_at: Set(at_ms),
        });
        Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    for winner in winners {
        let (subject, to) = (winner.id.0, WinnerState::Selected.as_str());
        event::record(tx, Change { machine: "winner", subject, from: "", to, reason, at_ms })
            .await?;
    }
    Ok(())
}

/// The winner of this id.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(conn: &C, id: WinnerId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(conn).await
}

/// Winners by their ids, in no particular order.
///
/// # Errors
/// When the database fails.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    ids: impl IntoIterator<Item = WinnerId>,
) -> Result<Vec<Model>, DbErr> {
    let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
    Entity::find().filter(Column::Id.is_in(ids)).all(conn).await
}

/// All winners of a giveaway, also those who left, in the order drawn.
///
/// # Errors
/// When the database fails.
pub async fn of_giveaway<C: ConnectionTrait>(
    conn: &C,
    id: GiveawayId,
) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::GiveawayId.eq(id.0)).order_by_asc(Column::Rank).all(conn).await
}

/// The winner behind an entry who has not left.
///
/// # Errors
/// When the database fails.
pub async fn of_entry<C: ConnectionTrait>(
    conn: &C,
    entry: EntryId,
) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::EntryId.eq(entry.0))
        .filter(
            Column::State
                .is_in([WinnerState::Selected, WinnerState::Claimed].map(WinnerState::as_str)),
        )
        .one(conn)
        .await
}

/// Winners whose time to claim is over, the longest over first.
///
/// # Errors
/// When the database fails.
pub async fn overdue<C: ConnectionTrait>(
    conn: &C,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::State.eq(WinnerState::Selected.as_str()))
        .filter(Column::ClaimUntil.lte(now.as_millisecond()))
        .order_by_asc(Column::ClaimUntil)
        // Ranks tell an order where many deadlines are the same, as after a draw.
        .order_by_asc(Column::Rank)
        .limit(limit)
        .all(conn)
        .await
}

/// The same for one giveaway, all of them.
///
/// # Errors
/// When the database fails.
pub async fn overdue_of<C: ConnectionTrait>(
    conn: &C,
    giveaway: GiveawayId,
    now: Timestamp,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::GiveawayId.eq(giveaway.0))
        .filter(Column::State.eq(WinnerState::Selected.as_str()))
        .filter(Column::ClaimUntil.lte(now.as_millisecond()))
        .order_by_asc(Column::ClaimUntil)
        .order_by_asc(Column::Rank)
        .all(conn)
        .await
}

/// Moves a winner from `selected` to the next state, with its event, and tells those who watch. False
/// when somebody else was faster: nothing was written.
///
/// # Errors
/// When the database fails.
pub async fn leave_selected(
    tx: &Tx,
    winner: &Model,
    to: WinnerState,
    reason: &str,
    now: Timestamp,
) -> Result<bool> {
    let from = WinnerState::Selected;
    if !from.may_become(to) {
        return Err(anyhow::anyhow!("a winner that is {from} cannot become {to}").into());
    }
    let at_ms = now.as_millisecond();
    let changed = Entity::update_many()
        .col_expr(Column::State, Expr::value(to.as_str()))
        .col_expr(Column::ChangedAt, Expr::value(at_ms))
        .filter(Column::Id.eq(winner.id))
        .filter(Column::State.eq(from.as_str()))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    let subject = winner.id;
    let (before, after) = (from.as_str(), to.as_str());
    let change = Change { machine: "winner", subject, from: before, to: after, reason, at_ms };
    event::record(tx, change).await?;
    let about = About { giveaway: GiveawayId(winner.giveaway_id), at: now };
    tx.tell(news::winner(about, UnitId(winner.unit_id), winner.leaf(), to));
    Ok(true)
}

/// Notes the card of a winner who claimed. False when it was noted before.
///
/// # Errors
/// When the database fails.
pub async fn set_card<C: ConnectionTrait>(
    tx: &C,
    id: WinnerId,
    card: CardId,
) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::CardId, Expr::value(card.0))
        .filter(Column::Id.eq(id.0))
        .filter(Column::CardId.is_null())
        .exec(tx)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Notes the first use of a link and tells when that was.
///
/// # Errors
/// When the database fails.
pub async fn first_use<C: ConnectionTrait>(
    tx: &C,
    nonce: Uuid,
    winner: WinnerId,
    now: Timestamp,
) -> Result<Timestamp> {
    let row = link_use::ActiveModel {
        nonce: Set(nonce),
        winner_id: Set(winner.0),
        used_at: Set(now.as_millisecond()),
    };
    link_use::Entity::insert(row)
        .on_conflict(OnConflict::column(link_use::Column::Nonce).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    let used = link_use::Entity::find_by_id(nonce).one(tx).await?;
    used.map(|used| platform::clock::from_millis(used.used_at))
        .ok_or_else(|| Error::Unexpected(anyhow::anyhow!("a link that was just used was not")))
}
