//! The draw: once the round is public that the commitment named, it decides who wins.

use std::{collections::HashMap, sync::Arc};

use contracts::{giftcard::ReturnEscrowRequest, lane, mail, method};
use draw::{
    beacon::Chain,
    drawing::{self, DrawError, Outcome},
    fixed::{BeaconSignature, LeafId},
    leaf::Leaf,
    manifest::Manifest,
    transcript::BeaconRecord,
};
use jiff::{SignedDuration, Timestamp};
use platform::{
    Tx,
    outbox::{self, NewCall},
};
use prost::Message as _;

use super::mails;
use crate::{
    domain::giveaway::GiveawayState,
    error::Result,
    ids::{EntryId, EscrowId, GiveawayId, UnitId, WinnerId},
    service::Service,
    store::{draw as draws, entry, escrow_return, giveaway, unit, winner},
};

/// Giveaways looked at in one scan. Many, because those that wait for a beacon that is late must not
/// keep the others from theirs; looking is one small query each.
const DUE_MAX: u64 = 1_000;

/// Draws every giveaway whose round is public; one that fails does not keep the others from theirs.
///
/// # Errors
/// The first failure, after all were tried.
pub async fn draw_due(service: &Arc<Service>) -> Result<()> {
    let now = service.clock.now();
    let (state, due) = (GiveawayState::Committed, giveaway::Column::DrawAt);
    let mut outcome = Ok(());
    for giveaway in giveaway::due(service.db.read(), state, due, now, DUE_MAX).await? {
        let drawn = draw_winners(service, giveaway.giveaway_id()).await;
        outcome = outcome.and(drawn.map(|_| ()));
    }
    outcome
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
        return Ok(false);
    };
    let manifest = draw.manifest()?;
    let leaves = draws::read_leaves(service.db.read(), id).await?;
    let outcome = run(manifest.clone(), leaves, chain, signature).await?;
    let entries = entry::of_leaves(service.db.read(), id, outcome.picks.iter().copied()).await?;
    let entries: HashMap<LeafId, EntryId> = entries.into_iter().collect();

    let tx = service.db.begin().await?;
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
    let (from, to) = (GiveawayState::Committed, GiveawayState::Drawn);
    if !giveaway::advance(&tx, id, from, to, "winners drawn", now).await? {
        return Ok(false);
    }
    tx.commit().await?;
    tracing::info!(giveaway = %id, round, picks = outcome.picks.len(), "drawn");
    service.wake.lifecycle.wake();
    Ok(true)
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

/// Asks for the value of a prize back that nobody can win.
async fn return_prize(tx: &Tx, unit: &unit::Model, reason: &str, now: Timestamp) -> Result<()> {
    let escrow = EscrowId(unit.escrow_id);
    let giveaway = GiveawayId(unit.giveaway_id);
    if escrow_return::insert(tx, escrow, unit.unit_id(), giveaway, reason, now).await? {
        let call = NewCall {
            lane: lane::GIFTCARD,
            method: method::RETURN_ESCROW,
            key: format!("return:{escrow}"),
            subject: unit.escrow_id,
            payload: ReturnEscrowRequest { escrow_id: escrow.to_string() }.encode_to_vec(),
            not_before_ms: 0,
        };
        outbox::enqueue(tx, call, now.as_millisecond()).await?;
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
