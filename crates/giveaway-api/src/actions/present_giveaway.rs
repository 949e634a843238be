//! What the public page of a giveaway shows: what everybody may know, and how to check it.

use draw::{fixed::PublicKey, succession::Succession};
use ledger::Mode;

use super::public_giveaway::{Known, PublicGiveaway, known};
use crate::{domain::window::Window, error::Result, ids::GiveawayId, service::Service};

/// A giveaway with what belongs around it.
#[derive(Clone, Debug)]
pub struct Presented {
    /// What everybody may know.
    pub giveaway: PublicGiveaway,
    /// Whether somebody can enter now.
    pub takes_entries: bool,
    /// Prizes that passed on, in the order in which they did.
    pub successions: Vec<Succession>,
    /// Whether no real money is in it.
    pub is_test: bool,
    /// Whether the randomness is a local chain, which proves nothing.
    pub is_rehearsal: bool,
    /// The key that signs the commitment, for the check.
    pub public_key: PublicKey,
}

/// Reads all of it.
///
/// # Errors
/// Before it is published: then it does not exist for the public.
pub async fn present_giveaway(service: &Service, id: GiveawayId) -> Result<Presented> {
    let Known { giveaway, successions } = known(service, id).await?;
    let window = Window {
        state: giveaway.state,
        closes_at: giveaway.closes_at.timestamp(),
        freeze_at: giveaway.freeze_at.unwrap_or(giveaway.closes_at.timestamp()),
    };
    let takes_entries = window.entry(giveaway.server_time).is_ok();
    Ok(Presented {
        takes_entries,
        successions,
        is_test: service.mode() == Mode::Test,
        is_rehearsal: service.beacon.chain().is_sandbox(),
        public_key: service.instance_key.public_key(),
        giveaway,
    })
}
