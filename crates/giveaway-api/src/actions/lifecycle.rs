//! What time does to giveaways: they open, close, and end. Due times are rows, looked for once a
//! second, so that a transition also happens after any downtime.

use jiff::Timestamp;
use platform::Tx;

use super::return_prize::return_prize;
use crate::{
    domain::giveaway::GiveawayState,
    error::Result,
    ids::GiveawayId,
    service::Service,
    store::{giveaway, unit},
};

/// Giveaways moved in one scan and step; the rest follows a second later.
const DUE_MAX: u64 = 500;

/// Moves every giveaway whose time has come. One that fails does not keep the others from theirs.
///
/// # Errors
/// The first failure, after all were tried.
pub async fn move_due(service: &Service) -> Result<()> {
    use GiveawayState as S;
    let now = service.clock.now();
    let mut outcome = Ok(());
    for (from, due, to, reason) in [
        (S::Scheduled, giveaway::Column::OpensAt, S::Open, "opening time"),
        (S::Open, giveaway::Column::ClosesAt, S::Closed, "closing time"),
    ] {
        for giveaway in giveaway::due(service.db.read(), from, due, now, DUE_MAX).await? {
            let moved = step(service, giveaway.giveaway_id(), from, to, reason, now).await;
            outcome = outcome.and(moved);
        }
    }
    for state in [S::Drawn, S::Cancelling] {
        // Found here only if the answer that ended the last unit did not do it.
        for giveaway in giveaway::settled(service.db.read(), state, DUE_MAX).await? {
            outcome = outcome.and(end(service, giveaway.giveaway_id(), now).await);
        }
    }
    outcome
}

/// Ends a locked giveaway whose units have all ended: `drawn → completed`, `cancelling → cancelled`.
///
/// # Errors
/// When the database fails.
pub(crate) async fn settle(tx: &Tx, giveaway: &giveaway::Model, now: Timestamp) -> Result<()> {
    let from = giveaway.state()?;
    let (to, reason) = match from {
        GiveawayState::Drawn => (GiveawayState::Completed, "every prize is given or returned"),
        GiveawayState::Cancelling => (GiveawayState::Cancelled, "every prize is returned"),
        _ => return Ok(()),
    };
    let id = giveaway.giveaway_id();
    if unit::count_open(tx, id).await? == 0 {
        giveaway::advance(tx, id, from, to, reason, now).await?;
    }
    Ok(())
}

/// Sends every prize of a locked giveaway back and marks it as being cancelled.
///
/// # Errors
/// When the database fails.
pub(crate) async fn begin_cancelling(
    tx: &Tx,
    giveaway: &giveaway::Model,
    reason: &str,
    now: Timestamp,
) -> Result<bool> {
    let (id, from) = (giveaway.giveaway_id(), giveaway.state()?);
    if !giveaway::advance(tx, id, from, GiveawayState::Cancelling, reason, now).await? {
        return Ok(false);
    }
    for unit in unit::of_giveaway(tx, id).await? {
        return_prize(tx, &unit, reason, now).await?;
    }
    Ok(true)
}

async fn step(
    service: &Service,
    id: GiveawayId,
    from: GiveawayState,
    to: GiveawayState,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    let tx = service.db.begin("giveaway_step").await?;
    if giveaway::advance(&tx, id, from, to, reason, now).await? {
        tx.commit().await?;
        tracing::info!(giveaway = %id, state = %to, "{reason}");
        service.wake.draws.wake();
    }
    Ok(())
}

async fn end(service: &Service, id: GiveawayId, now: Timestamp) -> Result<()> {
    let tx = service.db.begin("giveaway_end").await?;
    let giveaway = giveaway::lock(&tx, id).await?;
    settle(&tx, &giveaway, now).await?;
    tx.commit().await?;
    Ok(())
}
