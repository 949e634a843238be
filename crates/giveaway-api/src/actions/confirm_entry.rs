//! Somebody follows the link in the mail: the address is verified, and the entry counts.

use contracts::mail;
use draw::{fixed::Digest, ids::DrawId, receipt::Receipt};
use platform::token::{BadLink, open_link};

use super::{
    admit_entries::{lock_window, verified, verified_delta},
    mails,
};
use crate::{
    error::{Error, Result},
    ids::EntryId,
    service::Service,
    store::{counter_delta, entry, entry_count, giveaway},
};

/// What confirmation links are for, in their MAC.
pub const CONFIRM: &str = "confirm";

/// Verifies the address that a link was mailed to and returns the signed receipt. The same link
/// again returns the same receipt, also long after the draw.
///
/// # Errors
/// A link that is not ours or has expired; an entry that was not confirmed before the freeze.
pub async fn confirm_entry(service: &Service, token: &str) -> Result<Receipt> {
    let now = service.clock.now();
    let link = open_link(&service.link_key, CONFIRM, token, now).map_err(|bad| match bad {
        BadLink::Invalid => Error::NotFound("link"),
        BadLink::Expired => Error::gone("link_expired", "the link has expired; enter once more"),
    })?;
    let id = EntryId(link.subject);
    let entry = entry::find(service.db.read(), id).await?.ok_or(Error::NotFound("entry"))?;
    if entry.verified_at.is_none() {
        verify(service, &entry).await?;
    }
    receipt(service, &entry).await
}

/// The receipt of a verified entry: made again whenever it is asked for, always the same.
///
/// # Errors
/// When the person was erased, or the database fails.
pub async fn receipt(service: &Service, entry: &entry::Model) -> Result<Receipt> {
    let id = crate::ids::GiveawayId(entry.giveaway_id);
    let giveaway =
        giveaway::find(service.db.read(), id).await?.ok_or(Error::NotFound("giveaway"))?;
    issue_receipt(service, entry, giveaway.rules()?.hash())
}

/// The same for many entries of a giveaway, whose rules need to be hashed only once.
///
/// # Errors
/// When the person was erased.
pub(crate) fn issue_receipt(
    service: &Service,
    entry: &entry::Model,
    rules: Digest,
) -> Result<Receipt> {
    let gone = || Error::gone("entry_erased", "the entry's personal data was erased");
    let (salt, address) =
        (entry.salt().ok_or_else(gone)?, entry.address.as_deref().ok_or_else(gone)?);
    let draw_id = DrawId(entry.giveaway_id);
    Ok(Receipt::issue(&service.instance_key, draw_id, entry.leaf(), salt, address, rules))
}

async fn verify(service: &Service, entry: &entry::Model) -> Result<()> {
    let now = service.clock.now();
    let tx = service.db.begin("confirm_entry").await?;
    let id = crate::ids::GiveawayId(entry.giveaway_id);
    let (giveaway, window) = lock_window(&tx, id).await?;
    window.confirmation(now)?;
    // Zero rows: the same link was used a moment ago, and everything below was done then.
    if entry::verify(&tx, [entry.id], now).await? == 1 {
        let country = entry.country.as_deref().and_then(|country| country.parse().ok());
        let birth_year = entry.birth_year.and_then(|year| year.try_into().ok());
        let more = verified(&giveaway.rules()?.eligibility, country, birth_year);
        entry_count::add(&tx, id, more).await?;
        counter_delta::add(&tx, id, [verified_delta(1)], now.as_millisecond()).await?;
        mails::to_entries(&tx, id, mail::RECEIPT, &[entry.entry_id()], now).await?;
    }
    tx.commit().await?;
    service.wake_relay();
    Ok(())
}
