//! How giveaways stand, for those who watch many of them: a few small columns.

use jiff::Timestamp;
use platform::clock::from_millis;
use sea_orm::{
    ConnectionTrait, DbErr, DerivePartialModel, QueryOrder as _, QuerySelect as _,
    entity::prelude::*,
};

use super::giveaway::{Column, Entity};
use crate::{
    domain::giveaway::GiveawayState,
    error::Result,
    ids::{GiveawayId, HostId},
};

/// What of a giveaway changes with time, for those who watch it.
#[derive(Clone, Debug, DerivePartialModel)]
#[sea_orm(entity = "Entity", from_query_result)]
pub struct Standing {
    /// Its id.
    pub id: Uuid,
    /// Where it stands: [`Standing::state`].
    pub state: String,
    /// When entries are taken from, Unix milliseconds.
    pub opens_at: Option<i64>,
    /// Until when.
    pub closes_at: i64,
    /// When they are frozen.
    pub freeze_at: Option<i64>,
    /// When winners are drawn.
    pub draw_at: Option<i64>,
}

impl Standing {
    /// Where it stands.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn state(&self) -> Result<GiveawayState> {
        Ok(self.state.parse()?)
    }

    /// When it will go on by itself, if that is known.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn ends_at(&self) -> Result<Option<Timestamp>> {
        let ends_at = match self.state()? {
            GiveawayState::Scheduled => self.opens_at,
            GiveawayState::Open => Some(self.closes_at),
            GiveawayState::Closed => self.freeze_at,
            GiveawayState::Committed => self.draw_at,
            _ => None,
        };
        Ok(ends_at.map(from_millis))
    }
}

/// How giveaways stand, in no particular order.
///
/// # Errors
/// When the database fails.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    ids: impl IntoIterator<Item = GiveawayId>,
) -> Result<Vec<Standing>, DbErr> {
    let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Entity::find().filter(Column::Id.is_in(ids)).into_partial_model().all(conn).await
}

/// The giveaways of a host that have not ended, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn of_host<C: ConnectionTrait>(
    conn: &C,
    host: HostId,
    limit: u64,
) -> Result<Vec<Standing>, DbErr> {
    let ended = GiveawayState::ALL.iter().filter(|state| state.is_terminal());
    Entity::find()
        .filter(Column::HostId.eq(host.0))
        .filter(Column::State.is_not_in(ended.map(|state| state.as_str())))
        .order_by_desc(Column::Id)
        .limit(limit)
        .into_partial_model()
        .all(conn)
        .await
}
