//! What a confirmation link is about, for the page that asks before anything happens.

use platform::token::{BadLink, open_link};

use super::confirm_entry::CONFIRM;
use crate::{
    domain::referral::referral_of,
    error::{Error, Result},
    ids::{EntryId, GiveawayId},
    service::Service,
    store::{entry, giveaway},
};

/// An entry that can be confirmed, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmable {
    /// The giveaway.
    pub giveaway: GiveawayId,
    /// Its name.
    pub title: String,
    /// The link was used before: it only fetches the receipt again.
    pub is_confirmed: bool,
    /// What names the entry in a link that is passed on.
    pub referral: String,
}

/// Reads what would be confirmed. Changes nothing.
///
/// # Errors
/// A link that is not ours or has expired.
pub async fn preview_confirmation(service: &Service, token: &str) -> Result<Confirmable> {
    let now = service.clock.now();
    let link = open_link(&service.link_key, CONFIRM, token, now).map_err(|bad| match bad {
        BadLink::Invalid => Error::NotFound("link"),
        BadLink::Expired => Error::gone("link_expired", "the link has expired; enter once more"),
    })?;
    let db = service.db.read();
    let entry = entry::find(db, EntryId(link.subject)).await?.ok_or(Error::NotFound("entry"))?;
    let id = GiveawayId(entry.giveaway_id);
    let giveaway = giveaway::find(db, id).await?.ok_or(Error::NotFound("giveaway"))?;
    Ok(Confirmable {
        giveaway: id,
        title: giveaway.title,
        is_confirmed: entry.verified_at.is_some(),
        referral: referral_of(&service.link_key, entry.entry_id()),
    })
}
