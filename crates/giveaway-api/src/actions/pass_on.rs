//! A winner leaves: the next alternate takes that very prize, by a signed record. When no alternate
//! is left, the prize goes back to the host.

use std::collections::HashMap;

use contracts::mail;
use draw::{
    codes::Ground,
    fixed::{Digest, LeafId},
    ids::UnitId as DrawUnit,
    moment::Moment,
    succession::{Departure, Leaving, Winners},
};
use jiff::{SignedDuration, Timestamp};
use platform::Tx;

use super::{mails, return_prize::return_prize};
use crate::{
    domain::{
        news::{self, About},
        winner::WinnerState,
    },
    error::{Error, Result},
    ids::{EntryId, UnitId, WinnerId},
    service::Service,
    store::{draw as draws, giveaway, succession, unit, winner},
};

/// The replacements of one giveaway, while it is locked: who holds what, and who is next.
pub(crate) struct Replacements<'a> {
    service: &'a Service,
    tx: &'a Tx,
    giveaway: &'a giveaway::Model,
    winners: Winners,
    picks: HashMap<LeafId, draws::pick::Model>,
    now: Timestamp,
}

/// Why and on what evidence a winner leaves.
#[derive(Clone, Debug)]
pub(crate) struct Reason {
    pub(crate) departure: Departure,
    /// For a disqualification, the ground in the rules.
    pub(crate) ground: Option<Ground>,
    /// SHA-256 of the evidence.
    pub(crate) evidence: Digest,
}

impl<'a> Replacements<'a> {
    /// Replays what happened to the winners of a locked giveaway so far.
    ///
    /// # Errors
    /// When it was not drawn, or its records do not go together.
    pub(crate) async fn load(
        service: &'a Service,
        tx: &'a Tx,
        giveaway: &'a giveaway::Model,
        now: Timestamp,
    ) -> Result<Self> {
        let id = giveaway.giveaway_id();
        let missing = |what: &str| anyhow::anyhow!("{id} has {what}");
        let draw = draws::find(tx, id).await?.ok_or_else(|| missing("no draw"))?;
        let manifest = draw.manifest()?;
        let round_at = service.beacon.chain().time_of(manifest.round);
        let round_at = round_at.ok_or_else(|| missing("a round without a time"))?;
        let picks = draws::picks(tx, id).await?;
        let order: Vec<LeafId> = picks.iter().map(draws::pick::Model::leaf).collect();
        let mut winners = Winners::drawn(&giveaway.rules()?, &manifest, &order, round_at);
        let key = draw.public_key()?;
        // A record under another key would make the transcript invalid, and could not be taken back.
        if key != service.instance_key.public_key() {
            return Err(missing("a commitment under another instance key").into());
        }
        for record in succession::of_giveaway(tx, id).await? {
            winners.apply(&record, &key).map_err(anyhow::Error::from)?;
        }
        let picks = picks.into_iter().map(|pick| (pick.leaf(), pick)).collect();
        Ok(Self { service, tx, giveaway, winners, picks, now })
    }

    /// Lets a selected winner leave, and the next alternate take over. False when the winner is not
    /// `selected` any more: nothing was written.
    ///
    /// # Errors
    /// A ground that the rules do not list; when the database fails.
    pub(crate) async fn leave(&mut self, winner: &winner::Model, reason: Reason) -> Result<bool> {
        let to = WinnerState::after(reason.departure);
        let why = reason.ground.as_ref().map_or(to.as_str(), Ground::as_str);
        if !winner::leave_selected(self.tx, winner, to, why, self.now).await? {
            return Ok(false);
        }
        let leaving = Leaving {
            unit: DrawUnit(winner.unit_id),
            reason: reason.departure,
            ground: reason.ground,
            evidence: reason.evidence,
            at: Moment::from(self.now),
        };
        let record = self.winners.succeed(leaving, &self.service.instance_key);
        let record = record.map_err(anyhow::Error::from)?;
        succession::insert(self.tx, self.giveaway.giveaway_id(), &record, self.now).await?;
        match record.to {
            Some(leaf) => self.select(UnitId(winner.unit_id), leaf).await?,
            None => {
                let unit = unit::find(self.tx, UnitId(winner.unit_id)).await?;
                let unit = unit.ok_or(Error::NotFound("prize"))?;
                return_prize(self.tx, &unit, "unclaimed, and no alternate left", self.now).await?;
            }
        }
        Ok(true)
    }

    async fn select(&self, unit: UnitId, leaf: LeafId) -> Result<()> {
        let giveaway = self.giveaway.giveaway_id();
        let pick = self
            .picks
            .get(&leaf)
            .ok_or_else(|| anyhow::anyhow!("alternate {leaf} of {giveaway} was not drawn"))?;
        let id = WinnerId::new();
        let patience = SignedDuration::from_secs(self.giveaway.claim_seconds.into());
        let successor = winner::NewWinner {
            id,
            giveaway,
            unit,
            entry: EntryId(pick.entry_id),
            leaf_id: pick.leaf_id,
            rank: pick.position,
            claim_until: self.now + patience,
        };
        winner::insert(self.tx, &[successor], "succeeded", self.now).await?;
        let about = About { giveaway, at: self.now };
        self.tx.tell(news::successor(about, unit, leaf));
        mails::to_winners(self.tx, giveaway, mail::WINNER, &[id], self.now).await?;
        Ok(())
    }
}
