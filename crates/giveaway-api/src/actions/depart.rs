//! Winners who leave before they claim: they decline, or an operator disqualifies them.

use draw::{
    codes::Ground,
    fixed::{Digest, sha256},
    succession::Departure,
};
use platform::http::FieldError;

use super::{
    claim_prize::{Opened, open},
    lifecycle,
    pass_on::{Reason, Replacements},
};
use crate::{
    domain::winner::WinnerState,
    error::{Error, Result},
    ids::{GiveawayId, WinnerId},
    service::Service,
    store::{giveaway, winner},
};

/// Declines the prize behind a mailed link. Declining again changes nothing.
///
/// # Errors
/// A link that is not ours or has expired; a prize that was claimed or passed on.
pub async fn decline_prize(service: &Service, token: &str) -> Result<()> {
    let Opened::Claim(link) = open(service, token)? else {
        return Err(Error::state("prize_claimed", "the prize was claimed"));
    };
    let id = WinnerId(link.subject);
    let evidence =
        sha256(&[b"handsel/decline/v1\0", link.subject.as_bytes(), link.nonce.as_bytes()]);
    let reason = Reason { departure: Departure::Declined, ground: None, evidence };
    match leave(service, id, reason).await? {
        WinnerState::Declined => Ok(()),
        WinnerState::Claimed => Err(Error::state("prize_claimed", "the prize was claimed")),
        state => {
            let message = format!("the prize is not yours any more: {state}");
            Err(Error::gone("prize_passed_on", message))
        }
    }
}

/// Disqualifies a winner who has not claimed, on a ground that the locked rules list. The evidence
/// is kept by the operator; its digest is published.
///
/// # Errors
/// A ground that the rules do not list, a digest that is none; a winner who claimed or left.
pub async fn disqualify_winner(
    service: &Service,
    giveaway: GiveawayId,
    id: WinnerId,
    ground: &str,
    evidence: &str,
) -> Result<()> {
    let row = winner::find(service.db.read(), id)
        .await?
        .filter(|row| row.giveaway_id == giveaway.0)
        .ok_or(Error::NotFound("winner"))?;
    let rules = giveaway::find(service.db.read(), giveaway)
        .await?
        .ok_or(Error::NotFound("giveaway"))?
        .rules()?;
    let mut errors = Vec::new();
    let parsed =
        ground.parse::<Ground>().ok().filter(|ground| rules.disqualification.contains(ground));
    if parsed.is_none() {
        let grounds: Vec<&str> = rules.disqualification.iter().map(Ground::as_str).collect();
        let wrong = format!("the rules list only these grounds: {}", grounds.join(", "));
        errors.push(FieldError::new("/reason", wrong));
    }
    let evidence = evidence.parse::<Digest>();
    if let Err(error) = &evidence {
        errors.push(FieldError::new("/evidence_digest", error.to_string()));
    }
    let (Some(ground), Ok(evidence)) = (parsed, evidence) else {
        return Err(Error::Invalid(errors));
    };
    let reason = Reason { departure: Departure::Disqualified, ground: Some(ground), evidence };
    match leave(service, row.winner_id(), reason).await? {
        WinnerState::Disqualified => Ok(()),
        state => Err(Error::state("wrong_state", format!("the winner is {state} already"))),
    }
}

/// Lets a winner leave, unless they are not `selected` any more, and tells where they stand then.
async fn leave(service: &Service, id: WinnerId, reason: Reason) -> Result<WinnerState> {
    let now = service.clock.now();
    let tx = service.db.begin("depart").await?;
    let row = winner::find(&tx, id).await?.ok_or(Error::NotFound("prize"))?;
    let giveaway = giveaway::lock(&tx, GiveawayId(row.giveaway_id)).await?;
    // Read again under the lock: the time may have passed, or the prize been claimed, meanwhile.
    let row = winner::find(&tx, id).await?.ok_or(Error::NotFound("prize"))?;
    let state = row.state()?;
    if state != WinnerState::Selected {
        return Ok(state);
    }
    let to = WinnerState::after(reason.departure);
    Replacements::load(service, &tx, &giveaway, now).await?.leave(&row, reason).await?;
    lifecycle::settle(&tx, &giveaway, now).await?;
    tx.commit().await?;
    service.wake_relay();
    Ok(to)
}
