//! Mints a token that shows a card's code once.

use jiff::{SignedDuration, Timestamp};
use platform::token::mint_link;

use crate::{
    domain::{ids::CardId, refusal::Refusal},
    error::Result,
    service::Service,
    store::card,
};

/// What the links are for: one minted for something else does not open a card.
pub(crate) const PURPOSE: &str = "reveal";

/// A token and its end. The token is a secret, so there is no `Debug`.
pub(crate) struct RevealToken {
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
}

/// Mints a token; nothing is stored.
///
/// # Errors
/// When there is no such card.
pub(crate) async fn mint_reveal(service: &Service, id: CardId) -> Result<RevealToken> {
    if card::find(service.db.read(), id).await?.is_none() {
        return Err(Refusal::NotFound { what: "card" }.into());
    }
    let minutes = i64::from(service.config.reveal_minutes);
    let expires_at = service.clock.now() + SignedDuration::from_mins(minutes);
    Ok(RevealToken { token: mint_link(&service.link_key, PURPOSE, id.0, expires_at), expires_at })
}
