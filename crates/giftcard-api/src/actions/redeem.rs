//! Redeems a card, in whole or in part.

use ledger::Money;
use platform::{Tx, http::IdempotencyKey};

use super::{
    balance::read_code,
    close_merchant::still_open,
    once::{Answer, Begun, Once},
};
use crate::{
    attempts::Asker,
    domain::{
        amount,
        card::{self as rules, CardState},
        ids::{CardId, MerchantId, RedemptionId},
        refusal::Refusal,
        settlement::LineKind,
    },
    error::{Error, Result},
    known_bad::{KnownBad, load_decide_save},
    service::Service,
    store::{
        card::{self, Card},
        event,
        line::{self, Line},
        merchant as merchants,
        redemption::{self, Redemption},
    },
    views::RedemptionView,
};

/// Longest name that a till may give a redemption.
const MAX_EXTERNAL_ID: usize = 128;

/// How the card is named.
pub(crate) enum Which {
    /// By its code, as typed.
    Code(String),
    /// By its id, proven by a ticket that the till was given for the code.
    Card(CardId),
}

/// What a till asks for.
pub(crate) struct Redeem {
    pub(crate) card: Which,
    pub(crate) amount: Money,
    /// The till's own name for it, unique per merchant: a till that crashed finds it again.
    pub(crate) external_id: String,
}

/// Redeems: one statement takes the amount, and redemption, line, ledger and answer share its
/// transaction.
///
/// # Errors
/// Refusals; for the card's own merchant they say why and what is left.
pub(crate) async fn redeem(
    service: &Service,
    merchant: MerchantId,
    request: Redeem,
    key: &IdempotencyKey,
) -> Result<Answer> {
    let amount = amount::positive(request.amount)?;
    let external_id = external_id(&request.external_id)?;
    let asker = Asker::Merchant(merchant);
    service.limits.admit(asker).await?;
    let code = match &request.card {
        Which::Code(text) => Some(read_code(text)?),
        Which::Card(_) => None,
    };
    let once = match Once::begin(service, merchant.0, "redeem", key).await? {
        Begun::Replay(answer) => return Ok(answer),
        Begun::Fresh(once) => once,
    };
    let found = match (&request.card, code) {
        (Which::Card(id), _) => card::find(&once.tx, *id).await?,
        (_, Some(code)) => card::by_lookup(&once.tx, &service.secrets.lookup(&code)).await?,
        _ => None,
    };
    let outcome = match found.filter(|card| card.merchant_id == merchant) {
        Some(card) => take(service, &once, merchant, card, amount, external_id).await,
        None => {
            service.limits.missed(asker).await;
            Err(Refusal::CardNotFound.into())
        }
    };
    once.finish(http::StatusCode::CREATED, outcome).await
}

async fn take(
    service: &Service,
    once: &Once,
    merchant: MerchantId,
    seen: Card,
    amount: Money,
    external_id: String,
) -> Result<RedemptionView> {
    let (tx, now_ms) = (&once.tx, once.now_ms());
    still_open(merchants::find(tx, merchant).await?.as_ref())?;
    is_new(tx, merchant, &external_id).await?;
    let is_taken = match service.misbehaves(KnownBad::NoCompareAndSet) {
        true => load_decide_save(tx, &seen, amount, now_ms).await?,
        false => card::redeem(tx, seen.id, merchant, amount, now_ms).await?,
    };
    if !is_taken {
        let card = card::find(tx, seen.id).await?.unwrap_or(seen);
        let obstacle = rules::obstacle(card.standing()?, amount, once.now);
        // What took the money meanwhile may be the same sale: then that is what the till must hear.
        is_new(tx, merchant, &external_id).await?;
        return Err(obstacle.map_or(Error::CONTENDED, Error::Refused));
    }
    let row = Redemption {
        id: RedemptionId::new(),
        merchant_id: merchant,
        card_id: seen.id,
        external_id,
        amount_minor: amount.minor,
        reversed_minor: 0,
        currency: amount.currency.to_string(),
        created_at: now_ms,
    };
    owe(service, once, row.clone()).await?;
    let card = card::find(tx, seen.id).await?.ok_or(Error::CONTENDED)?;
    if card.state == CardState::Exhausted {
        let (from, to) = (Some(CardState::Active), CardState::Exhausted);
        event::record_one(tx, card.id, from, to, "redeemed", now_ms).await?;
    }
    RedemptionView::new(row, Some(card.available()?))
}

/// Whether the merchant has no redemption of that name. Asked before the first write: a refusal that
/// came later could not be stored.
pub(crate) async fn is_new(tx: &Tx, merchant: MerchantId, external_id: &str) -> Result<()> {
    match redemption::by_external_id(tx, merchant, external_id).await? {
        Some(known) => Err(Refusal::ExternalIdUsed { id: known.id }.into()),
        None => Ok(()),
    }
}

/// Writes a redemption whose amount was taken from its card: the merchant is owed it from now on.
pub(crate) async fn owe(service: &Service, once: &Once, row: Redemption) -> Result<()> {
    let (id, card, merchant, amount) = (row.id, row.card_id, row.merchant_id, row.amount()?);
    let owed = Line {
        id: id.0,
        merchant_id: merchant,
        currency: row.currency.clone(),
        kind: LineKind::Redemption,
        amount_minor: amount.minor,
        settlement_id: None,
        created_at: once.now_ms(),
    };
    if !redemption::insert(&once.tx, row).await? {
        // Two tills, one external id, at the same moment: the other was first. Rolled back.
        return Err(Error::CONTENDED);
    }
    line::insert(&once.tx, owed).await?;
    let posting = service.books.redeemed(id, card, merchant, amount)?;
    ledger::post(&once.tx, &posting, once.now).await?;
    Ok(())
}

/// A till's own name for what it does.
///
/// # Errors
/// Refused when it is empty, too long or not visible.
pub(crate) fn external_id(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let fits =
        (1..=MAX_EXTERNAL_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if fits {
        Ok(text.to_owned())
    } else {
        Err(Refusal::invalid(
            "/external_id",
            format!("must have 1 to {MAX_EXTERNAL_ID} visible ASCII characters"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_ids_are_short_and_visible() {
        assert_eq!(external_id(" receipt-17 ").unwrap(), "receipt-17");
        for bad in ["", "a b", "ä", &"x".repeat(129)] {
            assert!(external_id(bad).is_err(), "{bad}");
        }
    }
}
