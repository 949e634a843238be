//! A winner asks for the link once more. Whoever asks learns nothing: the answer is always the same,
//! and the link goes to the address of the entry.

use std::{num::NonZeroU32, time::Duration};

use contracts::mail;
use jiff::Timestamp;
use platform::{roles::Quota, token::open_link};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    claim_prize::{CARD, CLAIM},
    mails,
};
use crate::{
    domain::{address::CanonicalAddress, winner::WinnerState},
    error::Result,
    ids::{GiveawayId, WinnerId},
    service::Service,
    store::{entry, winner},
};

/// Links mailed again to one winner within an hour: enough for a lost mail and a full mailbox, and too few
/// for anybody to flood a mailbox with our help.
const RESENDS: Quota =
    Quota::new("resends", NonZeroU32::new(5).expect("not zero"), Duration::from_secs(60 * 60));

/// Who asks.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum Asker {
    /// Whoever has a link, even one that has expired or done its work.
    Link {
        /// The link's token.
        token: String,
    },
    /// Whoever says to have entered.
    Entrant {
        /// Which giveaway.
        giveaway_id: GiveawayId,
        /// The address that was entered.
        email: String,
    },
}

/// A token or an address has no place in a log.
impl std::fmt::Debug for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asker")
    }
}

/// Mails the link again, if there is a prize behind it and not too often.
///
/// # Errors
/// When the database fails.
pub async fn resend_link(service: &Service, asker: &Asker) -> Result<()> {
    let Some(row) = find(service, asker).await? else { return Ok(()) };
    let template = match row.state()? {
        WinnerState::Selected => mail::WINNER,
        WinnerState::Claimed => mail::CARD_LINK,
        _ => return Ok(()),
    };
    let id = row.winner_id();
    if service.roles.limits.attempt(&RESENDS, &id.to_string()).await.is_err() {
        return Ok(());
    }
    let tx = service.db.begin("resend_link").await?;
    let giveaway = GiveawayId(row.giveaway_id);
    mails::to_winners(&tx, giveaway, template, &[id], service.clock.now()).await?;
    tx.commit().await?;
    service.wake_relay();
    Ok(())
}

async fn find(service: &Service, asker: &Asker) -> Result<Option<winner::Model>> {
    let conn = service.db.read();
    match asker {
        Asker::Link { token } => {
            // Who holds even an expired link was written to once; the epoch is before every expiry.
            let whenever = Timestamp::UNIX_EPOCH;
            let link = [CLAIM, CARD]
                .iter()
                .find_map(|purpose| open_link(&service.link_key, purpose, token, whenever).ok());
            match link {
                Some(link) => Ok(winner::find(conn, WinnerId(link.subject)).await?),
                None => Ok(None),
            }
        }
        Asker::Entrant { giveaway_id, email } => {
            let Ok(address) = CanonicalAddress::of(email) else { return Ok(None) };
            match entry::of_person(conn, *giveaway_id, address.as_str()).await? {
                Some(entry) => Ok(winner::of_entry(conn, entry.entry_id()).await?),
                None => Ok(None),
            }
        }
    }
}
