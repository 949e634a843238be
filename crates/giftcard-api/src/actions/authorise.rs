//! Sets an amount of a card aside for a till that does not know yet how much it needs.

use ledger::Money;
use platform::{Tx, http::IdempotencyKey};

use super::{
    balance::read_code,
    close_merchant::still_open,
    once::{Answer, Begun, Once},
    redeem::external_id,
};
use crate::{
    attempts::Asker,
    domain::{
        amount,
        authorisation::{self as rules, AuthorisationState},
        card,
        ids::{AuthorisationId, MerchantId},
        refusal::Refusal,
    },
    error::{Error, Result},
    service::Service,
    store::{
        authorisation::{self, Authorisation},
        card::{self as cards, Card},
        merchant as merchants, redemption,
    },
    views::AuthorisationView,
};

/// What a till asks for.
pub(crate) struct Authorise {
    /// The card's code, as typed.
    pub(crate) code: String,
    pub(crate) amount: Money,
    /// The till's own name for it, unique per merchant.
    pub(crate) external_id: String,
    /// How long it holds; a week if absent.
    pub(crate) hold_hours: Option<u32>,
}

/// Authorises: one statement sets the amount aside. Nothing is posted: the card's account holds what
/// is available and what is authorised.
///
/// # Errors
/// The refusals of a redemption.
pub(crate) async fn authorise(
    service: &Service,
    merchant: MerchantId,
    request: Authorise,
    key: &IdempotencyKey,
) -> Result<Answer> {
    let amount = amount::positive(request.amount)?;
    let external_id = external_id(&request.external_id)?;
    rules::expiry(service.clock.now(), request.hold_hours)?;
    let asker = Asker::Merchant(merchant);
    service.limits.admit(asker).await?;
    let lookup = service.secrets.lookup(&read_code(&request.code)?);
    let once = match Once::begin(service, merchant.0, "authorise", key).await? {
        Begun::Replay(answer) => return Ok(answer),
        Begun::Fresh(once) => once,
    };
    let found = cards::by_lookup(&once.tx, &lookup).await?;
    let outcome = match found.filter(|card| card.merchant_id == merchant) {
        Some(card) => set_aside(&once, card, amount, external_id, request.hold_hours).await,
        None => {
            service.limits.missed(asker).await;
            Err(Refusal::CardNotFound.into())
        }
    };
    once.finish(http::StatusCode::CREATED, outcome).await
}

async fn set_aside(
    once: &Once,
    seen: Card,
    amount: Money,
    external_id: String,
    hold_hours: Option<u32>,
) -> Result<AuthorisationView> {
    let (tx, now_ms, merchant) = (&once.tx, once.now_ms(), seen.merchant_id);
    still_open(merchants::find(tx, merchant).await?.as_ref())?;
    // Looked up first: a refusal must come before the first write, or it could not be stored.
    is_new(tx, merchant, &external_id).await?;
    if !cards::authorise(tx, seen.id, merchant, amount, now_ms).await? {
        let card = cards::find(tx, seen.id).await?.unwrap_or(seen);
        let obstacle = card::obstacle(card.standing()?, amount, once.now);
        // What took the money meanwhile may be the same sale: then that is what the till must hear.
        is_new(tx, merchant, &external_id).await?;
        return Err(obstacle.map_or(Error::CONTENDED, Error::Refused));
    }
    let row = Authorisation {
        id: AuthorisationId::new(),
        merchant_id: merchant,
        card_id: seen.id,
        external_id,
        amount_minor: amount.minor,
        currency: amount.currency.to_string(),
        state: AuthorisationState::Authorised,
        redemption_id: None,
        expires_at: rules::expiry(once.now, hold_hours)?.as_millisecond(),
        created_at: now_ms,
        changed_at: now_ms,
    };
    if !authorisation::insert(tx, row.clone()).await? {
        // Two tills, one external id, at the same moment: the other was first. Rolled back.
        return Err(Error::CONTENDED);
    }
    AuthorisationView::new(row)
}

/// Whether the merchant has neither an authorisation nor a redemption of that name.
async fn is_new(tx: &Tx, merchant: MerchantId, external_id: &str) -> Result<()> {
    // In this order: an authorisation may become a redemption between the two.
    let redeemed = redemption::by_external_id(tx, merchant, external_id).await?;
    if let Some(known) = authorisation::by_external_id(tx, merchant, external_id).await? {
        return Err(Refusal::AuthorisationKnown { id: known.id }.into());
    }
    match redeemed {
        Some(known) => Err(Refusal::ExternalIdUsed { id: known.id }.into()),
        None => Ok(()),
    }
}
