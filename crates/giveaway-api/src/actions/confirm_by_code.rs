//! Somebody types the code from the confirmation mail instead of following its link.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use jiff::SignedDuration;
use platform::{roles::Quota, token::mint_link};

use super::{confirm_entry::CONFIRM, enter::reference};
use crate::{
    domain::{address::CanonicalAddress, entry_code::is_code},
    error::{Error, Result},
    ids::GiveawayId,
    service::Service,
    store::entry,
};

/// Codes tried for one address within an hour. With a million codes, of which two work at a time, somebody
/// who guesses needs ten thousand hours for an even chance.
const OF_ENTRY: Quota =
    Quota::new("entry-codes", NonZeroU32::new(6).expect("not zero"), Duration::from_secs(60 * 60));

/// Codes tried from one network within an hour, whatever the addresses.
const OF_NETWORK: Quota = Quota::new(
    "entry-codes-network",
    NonZeroU32::new(60).expect("not zero"),
    Duration::from_secs(60 * 60),
);

/// How long the link works that the code is exchanged for: long enough to fetch the receipt.
const LINK_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// Exchanges the code for the token of a confirmation link. Whoever tries learns nothing of an address: the
/// answer is the same, and attempts are counted alike, whether it was entered or not.
///
/// # Errors
/// A code that is not right or does not work any more; too many attempts.
pub async fn confirm_by_code(
    service: &Service,
    giveaway: GiveawayId,
    email: &str,
    code: &str,
    network: IpAddr,
) -> Result<String> {
    let wrong = || Error::field("/code", "this code is not right, or does not work any more");
    let address = CanonicalAddress::of(email).map_err(|_| wrong())?;
    let limits = &service.roles.limits;
    limits.attempt(&OF_NETWORK, &network.to_string()).await.map_err(Error::TooMany)?;
    let about = reference(service, giveaway, &address).to_string();
    limits.attempt(&OF_ENTRY, &about).await.map_err(Error::TooMany)?;
    let found = entry::of_person(service.db.read(), giveaway, address.as_str()).await?;
    let now = service.clock.now();
    match found {
        Some(entry) if is_code(&service.link_key, entry.entry_id(), code, now) => {
            Ok(mint_link(&service.link_key, CONFIRM, entry.id, now + LINK_LIFE))
        }
        _ => Err(wrong()),
    }
}
