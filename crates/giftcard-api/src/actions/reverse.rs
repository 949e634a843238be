//! Takes a redemption back, in whole or in part.

use anyhow::Context as _;
use ledger::Money;
use platform::http::IdempotencyKey;

use super::{
    once::{Answer, Begun, Once},
    void_card,
};
use crate::{
    domain::{
        amount, card as rules,
        ids::{MerchantId, RedemptionId, ReversalId},
        refusal::Refusal,
        settlement::LineKind,
    },
    error::{Error, Result},
    service::Service,
    store::{
        card,
        line::{self, Line},
        redemption::{self, Redemption},
        reversal::{self, Reversal},
        time,
    },
    views::{ReversalView, rfc3339},
};

/// Reverses: posts at once, joins the merchant's next settlement, and reopens the card for at
/// least thirty days. What comes back to a voided card goes on to the host.
///
/// # Errors
/// Refused when more would be reversed than was redeemed.
pub(crate) async fn reverse(
    service: &Service,
    merchant: MerchantId,
    id: RedemptionId,
    wanted: Option<Money>,
    key: &IdempotencyKey,
) -> Result<Answer> {
    if let Some(wanted) = wanted {
        amount::positive(wanted)?;
    }
    let once = match Once::begin(service, merchant.0, "reverse", key).await? {
        Begun::Replay(answer) => return Ok(answer),
        Begun::Fresh(once) => once,
    };
    let outcome = match redemption::find(&once.tx, merchant, id).await? {
        Some(found) => give_back(service, &once, found, wanted).await,
        None => Err(Refusal::NotFound { what: "redemption" }.into()),
    };
    once.finish(http::StatusCode::CREATED, outcome).await
}

async fn give_back(
    service: &Service,
    once: &Once,
    seen: Redemption,
    wanted: Option<Money>,
) -> Result<ReversalView> {
    let (tx, now_ms) = (&once.tx, once.now_ms());
    // The card first, as redeeming does, so that the two never wait for each other in a circle.
    let card = card::lock(tx, seen.card_id).await?.context("a card was deleted")?;
    let redemption = redemption::lock(tx, seen.merchant_id, seen.id)
        .await?
        .context("a redemption was deleted")?;
    let left = redemption.amount()?.checked_sub(redemption.reversed()?)?;
    let amount = wanted.unwrap_or(left);
    if amount.currency != left.currency {
        let (expected, given) = (left.currency, amount.currency);
        return Err(Refusal::CurrencyMismatch { expected, given }.into());
    }
    if amount.minor > left.minor || left.is_zero() {
        return Err(Refusal::ReversalTooLarge { left }.into());
    }
    let is_voided = card.state == rules::CardState::Voided;
    let given = redemption::reverse(tx, redemption.id, amount).await?
        && if is_voided {
            card::void_reversed(tx, &card, amount, now_ms).await?
        } else {
            let expires_at = rules::expiry_after_reversal(card.expires_at.map(time), once.now)
                .map(|at| at.as_millisecond());
            card::give_back(tx, &card, amount, expires_at, now_ms).await?
        };
    if !given {
        return Err(Error::CONTENDED);
    }
    let row = Reversal {
        id: ReversalId::new(),
        redemption_id: redemption.id,
        merchant_id: redemption.merchant_id,
        card_id: card.id,
        amount_minor: amount.minor,
        currency: amount.currency.to_string(),
        created_at: now_ms,
    };
    reversal::insert(tx, row.clone()).await?;
    let owed_back = Line {
        id: row.id.0,
        merchant_id: row.merchant_id,
        currency: row.currency.clone(),
        kind: LineKind::Reversal,
        amount_minor: amount.checked_neg()?.minor,
        settlement_id: None,
        created_at: now_ms,
    };
    line::insert(tx, owed_back).await?;
    let posting = service.books.reversed(row.id, card.id, row.merchant_id, amount)?;
    ledger::post(tx, &posting, once.now).await?;
    if is_voided {
        void_card::give_to_host(service, tx, &card, amount, once.now).await?;
    }
    Ok(ReversalView { id: row.id, redemption_id: row.redemption_id, amount, at: rfc3339(now_ms) })
}
