//! Freezing: a closed giveaway's entries become leaves, and the instance commits to them in public
//! before anybody can know the round that decides.

use std::sync::Arc;

use contracts::mail;
use draw::{
    beacon::Chain,
    fixed::Signature,
    leaf::Leaf,
    manifest::{self, CommitError, Manifest},
    moment::Moment,
    rules::Rules,
    signing::InstanceKey,
};

use super::mails;
use crate::{
    domain::{
        eligibility::{Facts, leaf},
        giveaway::GiveawayState,
        news::{self, About},
    },
    error::Result,
    ids::GiveawayId,
    service::Service,
    store::{draw as draws, entry, giveaway},
};

/// Giveaways looked at in one scan; those left over come a second later.
const DUE_MAX: u64 = 100;

/// Commits to the entries of every giveaway whose freeze has come. One that fails is logged, tried
/// again at the next scan, and does not keep the others from theirs.
///
/// # Errors
/// When the database does not tell which are due.
pub async fn commit_due(service: &Arc<Service>) -> Result<()> {
    let now = service.clock.now();
    let (state, due) = (GiveawayState::Closed, giveaway::Column::FreezeAt);
    for giveaway in giveaway::due(service.db.read(), state, due, now, DUE_MAX).await? {
        let id = giveaway.giveaway_id();
        if let Err(error) = commit(service, id).await {
            tracing::error!(giveaway = %id, error = %error, "entries were not committed to");
        }
    }
    Ok(())
}

/// Freezes the entries of a closed giveaway, commits to them and writes to those who entered, all
/// in one transaction. False when somebody else was faster or it was cancelled.
///
/// # Errors
/// When its rules and the beacon do not go together, or the database fails.
pub async fn commit(service: &Arc<Service>, id: GiveawayId) -> Result<bool> {
    let tx = service.db.begin("commit_draw").await?;
    let giveaway = giveaway::lock(&tx, id).await?;
    if giveaway.state()? != GiveawayState::Closed {
        return Ok(false);
    }
    let rules = giveaway.rules()?;
    let facts = entry::all_facts(&tx, id).await?;
    let (chain, key) = (service.beacon.chain(), service.instance_key.clone());
    // The latest moment at which it can be said when the commitment was made.
    let clock = service.clock.clone();
    let sealing = move || seal(&rules, &chain, &key, &facts, clock.now().into());
    // Millions of hashes would keep everybody else's requests waiting.
    let sealed = tokio::task::spawn_blocking(sealing).await.map_err(anyhow::Error::from)?;
    let Sealed { manifest, signature, leaves } = sealed.map_err(anyhow::Error::from)?;

    let now = service.clock.now();
    let public_key = service.instance_key.public_key();
    draws::insert_commitment(&tx, id, &manifest, &signature, &public_key, &leaves, now).await?;
    tx.tell(news::committed(About { giveaway: id, at: now }, &manifest));
    let (from, to) = (GiveawayState::Closed, GiveawayState::Committed);
    if !giveaway::advance(&tx, id, from, to, "entries frozen", now).await? {
        return Ok(false);
    }
    // They witness the commitment: whoever has the mail can show what it was before the round.
    let witnesses = entry::verified_ids(&tx, id).await?;
    mails::to_entries(&tx, id, mail::COMMITMENT, &witnesses, now).await?;
    // Hashing millions takes its time. A commitment must not appear after its round is known, so it
    // is thrown away then, and made again for a later round.
    let round_at = service.beacon.chain().time_of(manifest.round);
    if round_at.is_none_or(|round_at| service.clock.now() >= round_at.timestamp()) {
        tracing::warn!(giveaway = %id, round = manifest.round, "round came before the commitment");
        return Ok(false);
    }
    tx.commit().await?;
    service.wake_relay();
    tracing::info!(giveaway = %id, leaves = leaves.len(), round = manifest.round, late = manifest.late, "committed");
    Ok(true)
}

struct Sealed {
    manifest: Manifest,
    signature: Signature,
    leaves: Vec<Leaf>,
}

fn seal(
    rules: &Rules,
    chain: &Chain,
    key: &InstanceKey,
    facts: &[Facts],
    sealed_at: Moment,
) -> Result<Sealed, CommitError> {
    let mut leaves: Vec<Leaf> = facts.iter().map(|facts| leaf(&rules.eligibility, facts)).collect();
    leaves.sort_unstable();
    let manifest = manifest::commit(rules, chain, &leaves, sealed_at)?;
    Ok(Sealed { signature: manifest.sign(key), manifest, leaves })
}
