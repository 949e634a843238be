//! Somebody enters a giveaway through the form.

use std::sync::Arc;

use platform::{http::FieldError, token::hmac_sha256};
use uuid::Uuid;

use super::{admit_entries::candidate, entry_queue};
use crate::{
    domain::{
        address::CanonicalAddress,
        entry::{Applicant, BadField, Form, Source},
        referral::referrer,
    },
    error::{Error, Result},
    ids::{EntryId, GiveawayId},
    service::Service,
    store::entry,
};

/// Enters somebody; the entry counts once the address is confirmed through the mailed link. The
/// returned reference is the same for the same address and tells nothing about it: not the id of the
/// entry, which would tell when the address was first entered.
///
/// # Errors
/// Wrong fields, all of them; a giveaway that takes no entries.
pub async fn enter(
    service: &Arc<Service>,
    giveaway: GiveawayId,
    form: &Form<'_>,
) -> Result<EntryId> {
    let referrer = referrer_address(service, giveaway, form.referred_by).await?;
    let form = Form { referred_by: referrer.as_deref().unwrap_or(form.referred_by), ..*form };
    let applicant = Applicant::check(&form, this_year(service)).map_err(invalid)?;
    // A file may lack them; somebody who fills in the form can be asked.
    if applicant.country.is_none() {
        return Err(Error::field("/country", "the country is needed"));
    }
    if applicant.birth_year.is_none() {
        return Err(Error::field("/birth_year", "the birth year is needed"));
    }
    let reference = reference(service, giveaway, &applicant.address.canonical);
    let candidate = candidate(giveaway, applicant, Source::Form, false);
    entry_queue::submit(service, giveaway, candidate).await?;
    Ok(reference)
}

/// The address of the entrant whose link was followed, if that is what was given.
async fn referrer_address(
    service: &Service,
    giveaway: GiveawayId,
    given: &str,
) -> Result<Option<String>> {
    let Some(id) = referrer(&service.link_key, given) else { return Ok(None) };
    let entry = entry::find(service.db.read(), id).await?;
    Ok(entry.filter(|entry| entry.giveaway_id == giveaway.0).and_then(|entry| entry.address))
}

/// The present year by our clock, the last in which anybody can have been born.
pub(crate) fn this_year(service: &Service) -> u16 {
    let year = service.clock.now().to_zoned(jiff::tz::TimeZone::UTC).year();
    u16::try_from(year).unwrap_or(u16::MAX)
}

/// What names an address in a giveaway without telling it.
pub(crate) fn reference(
    service: &Service,
    giveaway: GiveawayId,
    address: &CanonicalAddress,
) -> EntryId {
    let key = service.link_key.derive("entry-reference");
    let mac = hmac_sha256(key.reveal(), &[giveaway.0.as_bytes(), address.as_str().as_bytes()]);
    let mut id = [0; 16];
    id.copy_from_slice(&mac[..16]);
    EntryId(Uuid::from_bytes(id))
}

fn invalid(errors: Vec<BadField>) -> Error {
    let named = |BadField { field, reason }: BadField| FieldError::new(format!("/{field}"), reason);
    Error::Invalid(errors.into_iter().map(named).collect())
}
