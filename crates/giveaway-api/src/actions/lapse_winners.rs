//! Winners who let their time pass make room for the next alternates.

use draw::{
    fixed::{Digest, sha256},
    succession::Departure,
};
use jiff::Timestamp;

use super::{
    lifecycle,
    pass_on::{Reason, Replacements},
};
use crate::{
    domain::giveaway::GiveawayState,
    error::Result,
    ids::GiveawayId,
    service::Service,
    store::{giveaway, winner},
};

/// Winners looked at in one scan; the rest follows a second later.
const OVERDUE_MAX: u64 = 1_000;

/// Lets every winner lapse whose time to claim is over, giveaway by giveaway. One that fails does
/// not keep the others from theirs.
///
/// # Errors
/// The first failure, after all were tried.
pub async fn lapse_winners(service: &Service) -> Result<()> {
    let now = service.clock.now();
    let mut giveaways: Vec<GiveawayId> = winner::overdue(service.db.read(), now, OVERDUE_MAX)
        .await?
        .iter()
        .map(|winner| GiveawayId(winner.giveaway_id))
        .collect();
    giveaways.sort_unstable();
    giveaways.dedup();
    let mut outcome = Ok(());
    for giveaway in giveaways {
        outcome = outcome.and(lapse(service, giveaway, now).await);
    }
    outcome
}

async fn lapse(service: &Service, id: GiveawayId, now: Timestamp) -> Result<()> {
    let tx = service.db.begin("lapse_winner").await?;
    let giveaway = giveaway::lock(&tx, id).await?;
    if giveaway.state()? != GiveawayState::Drawn {
        return Ok(());
    }
    let mut lapsed = 0;
    {
        let mut replacements = Replacements::load(service, &tx, &giveaway, now).await?;
        // In the order in which their times ended, by which the alternates are called.
        for winner in winner::overdue_of(&tx, id, now).await? {
            let (departure, evidence) = (Departure::Lapsed, evidence(&winner));
            let reason = Reason { departure, ground: None, evidence };
            lapsed += u32::from(replacements.leave(&winner, reason).await?);
        }
    }
    lifecycle::settle(&tx, &giveaway, now).await?;
    tx.commit().await?;
    tracing::info!(giveaway = %id, lapsed, "winners let their time pass");
    service.wake_relay();
    Ok(())
}

/// What a lapse rests on: the deadline that passed, and whose it was.
fn evidence(winner: &winner::Model) -> Digest {
    let deadline = winner.claim_until.to_be_bytes();
    sha256(&[b"handsel/lapse/v1\0", winner.id.as_bytes(), &deadline])
}
