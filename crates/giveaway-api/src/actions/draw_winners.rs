//! The draw: once the round is public that the commitment named, it decides who wins.

use std::{collections::HashMap, sync::Arc};

use contracts::mail;
use draw::{
    beacon::Chain,
    drawing::{self, DrawError, Outcome},
    fixed::{BeaconSignature, LeafId},
    leaf::Leaf,
    manifest::Manifest,
    schedule,
    transcript::BeaconRecord,
};
use jiff::{SignedDuration, Timestamp};
use platform::Tx;

use super::{lifecycle::begin_cancelling, mails, return_prize::return_prize};
use crate::{
    domain::{
        giveaway::GiveawayState,
        news::{self, About},
    },
    error::Result,
    ids::{EntryId, GiveawayId, UnitId, WinnerId},
    known_bad::KnownBad,
    service::Service,
    store::{draw as draws, entry, giveaway, unit, winner},
};

/// Giveaways looked at in one scan. Many, because those that wait for a beacon that is late must not
/// keep the others from theirs; looking is one small query each.
const DUE_MAX: u64 = 1_000;

/// Draws every giveaway whose round is public. One that fails is logged, tried again at the next
/// scan, and does not keep the others from theirs.
///
/// # Errors
/// When the database does not tell which are due.
pub async fn draw_due(service: &Arc<Service>) -> Result<()> {
    let now = service.clock.now();
    let (state, due) = (GiveawayState::Committed, giveaway::Column::DrawAt);
    for giveaway in giveaway::due(service.db.read(), state, due, now, DUE_MAX).await? {
        let id = giveaway.giveaway_id();
        if let Err(error) = draw_winners(service, id).await {
            tracing::error!(giveaway = %id, error = %error, "winners were not drawn");
        }
    }
    Ok(())
}

/// Draws a committed giveaway and writes to its winners, in one transaction. False while the round
/// is not public, or when somebody else was faster. Never another round than the one committed to.
///
/// # Errors
/// When leaves, beacon and commitment do not go together, or the database fails.
pub async fn draw_winners(service: &Arc<Service>, id: GiveawayId) -> Result<bool> {
    let Some(draw) = draws::find(service.db.read(), id).await? else {
        return Err(anyhow::anyhow!("{id} is committed without a commitment").into());
    };
    let (chain, round) = (service.beacon.chain(), draw.round()?);
    let now = service.clock.now();
    if chain.time_of(round).is_none_or(|public_at| now < public_at.timestamp()) {
        return Ok(false);
    }
    let Some(signature) = service.beacon.signature(round, now).await? else {
        return give_up(service, id, &chain, round).await.map(|()| false);
    };
    let manifest = draw.manifest()?;
    let leaves = draws::read_leaves(service.db.read(), id).await?;
    let outcome = run(manifest.clone(), leaves, chain, signature).await?;
    let entries = entry::of_leaves(service.db.read(), id, outcome.picks.iter().copied()).await?;
    let entries: HashMap<LeafId, EntryId> = entries.into_iter().collect();

    let tx = service.db.begin("draw_winners").await?;
    let giveaway = giveaway::lock(&tx, id).await?;
    if giveaway.state()? != GiveawayState::Committed {
        return Ok(false);
    }
    let now = service.clock.now();
    let record = BeaconRecord::new(&chain, round, signature);
    let entry_of = |leaf: &LeafId| entries.get(leaf).copied();
    if !draws::record_drawn(&tx, id, &record, &outcome, entry_of, now).await? {
        return Err(anyhow::anyhow!("{id} was drawn and is still committed").into());
    }
    select(&tx, &giveaway, &manifest, &outcome, &entries, now).await?;
    let units = manifest.units.iter().map(|unit| UnitId(unit.0));
    let winners: Vec<(UnitId, LeafId)> = units.zip(outcome.picks.iter().copied()).collect();
    for event in news::drawn(About { giveaway: id, at: now }, &record, &winners) {
        tx.tell(event);
    }
    let (from, to) = (GiveawayState::Committed, GiveawayState::Drawn);
    if !giveaway::advance(&tx, id, from, to, "winners drawn", now).await? {
        return Ok(false);
    }
    if service.misbehaviour.is(KnownBad::CardBeforeClaim) {
        for row in winner::of_giveaway(&tx, id).await? {
            platform::outbox::enqueue(
                &tx,
                super::claim_prize::issue_call(&tx, &row).await?,
                now.as_millisecond(),
            )
            .await?;
        }
    }
    tx.commit().await?;
    tracing::info!(giveaway = %id, round, picks = outcome.picks.len(), "drawn");
    service.wake_relay();
    service.wake.lifecycle.wake();
    Ok(true)
}

/// A draw whose round never comes is void: another one is never substituted, so every prize goes
/// back. Decided only when the beacon itself says that it has no such round, so that an instance
/// that was down for long draws what it could have drawn.
async fn give_up(service: &Service, id: GiveawayId, chain: &Chain, round: u64) -> Result<()> {
    let now = service.clock.now();
    if schedule::void_at(chain, round).is_none_or(|void_at| now < void_at.timestamp()) {
        return Ok(());
    }
    let tx = service.db.begin("draw_given_up").await?;
    let giveaway = giveaway::lock(&tx, id).await?;
    if giveaway.state()? == GiveawayState::Committed
        && begin_cancelling(&tx, &giveaway, "void: the beacon stayed away", now).await?
    {
        tx.commit().await?;
        tracing::error!(giveaway = %id, round, "a draw is void");
        service.wake_relay();
    }
    Ok(())
}

/// Gives the units to the first picks, in order. Units for which there was nobody go back.
async fn select(
    tx: &Tx,
    giveaway: &giveaway::Model,
    manifest: &Manifest,
    outcome: &Outcome,
    entries: &HashMap<LeafId, EntryId>,
    now: Timestamp,
) -> Result<()> {
    let id = giveaway.giveaway_id();
    let claim_until = now + SignedDuration::from_secs(giveaway.claim_seconds.into());
    let mut winners = Vec::with_capacity(manifest.units.len());
    for (rank, (unit, leaf)) in (0_i32..).zip(manifest.units.iter().zip(&outcome.picks)) {
        let entry = *entries
            .get(leaf)
            .ok_or_else(|| anyhow::anyhow!("leaf {leaf} of {id} has no entry"))?;
        winners.push(winner::NewWinner {
            id: WinnerId::new(),
            giveaway: id,
            unit: UnitId(unit.0),
            entry,
            leaf_id: uuid::Uuid::from_bytes(leaf.0),
            rank,
            claim_until,
        });
    }
    winner::insert(tx, &winners, "drawn", now).await?;
    let ids: Vec<WinnerId> = winners.iter().map(|winner| winner.id).collect();
    mails::to_winners(tx, id, mail::WINNER, &ids, now).await?;
    for unit in unit::of_giveaway(tx, id).await? {
        if winners.iter().all(|winner| winner.unit != unit.unit_id()) {
            return_prize(tx, &unit, "too few entries", now).await?;
        }
    }
    Ok(())
}

/// Draws on a thread that may be busy: millions of hashes would keep everybody else waiting.
async fn run(
    manifest: Manifest,
    leaves: Vec<Leaf>,
    chain: Chain,
    signature: BeaconSignature,
) -> Result<Outcome> {
    let drawing = move || drawing::run(&manifest, &leaves, &chain, &signature);
    let outcome: Result<Outcome, DrawError> =
        tokio::task::spawn_blocking(drawing).await.map_err(anyhow::Error::from)?;
    Ok(outcome.map_err(anyhow::Error::from)?)
}
