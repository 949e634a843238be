//! Ends an authorisation: captured in part or whole, released by the till, or expired. What is not
//! captured goes back to the card.

use anyhow::Context as _;
use ledger::Money;
use platform::http::IdempotencyKey;

use super::{
    once::{Answer, Begun, Once},
    redeem::{external_id, owe},
};
use crate::{
    domain::{
        amount,
        authorisation::AuthorisationState,
        card as rules,
        ids::{AuthorisationId, MerchantId, RedemptionId},
        refusal::Refusal,
    },
    error::{Error, Result},
    service::Service,
    store::{
        authorisation::{self, Authorisation},
        card::{self, Card},
        redemption::Redemption,
        time,
    },
    views::AuthorisationView,
};

/// Authorisations expired in one run of the scan, each in a transaction of its own.
const EXPIRED_PER_RUN: u64 = 200;

/// What a till captures.
pub(crate) struct Capture {
    /// How much; all of it if absent.
    pub(crate) amount: Option<Money>,
    /// The redemption's name; that of the authorisation if absent.
    pub(crate) external_id: Option<String>,
}

/// Captures a part or all of an authorisation as a redemption; the rest goes back to the card.
///
/// # Errors
/// Refused when it ended before, or when more would be captured than was authorised.
pub(crate) async fn capture(
    service: &Service,
    merchant: MerchantId,
    id: AuthorisationId,
    wanted: Capture,
    key: &IdempotencyKey,
) -> Result<Answer> {
    if let Some(wanted) = wanted.amount {
        amount::positive(wanted)?;
    }
    let name = wanted.external_id.as_deref().map(external_id).transpose()?;
    let once = match Once::begin(service, merchant.0, "capture", key).await? {
        Begun::Replay(answer) => return Ok(answer),
        Begun::Fresh(once) => once,
    };
    let outcome = match lock(&once, merchant, id).await? {
        Some((row, card)) => captured(service, &once, row, card, wanted.amount, name).await,
        None => Err(Refusal::NotFound { what: "authorisation" }.into()),
    };
    once.finish(http::StatusCode::CREATED, outcome).await
}

/// Releases an authorisation: all of it goes back to the card.
///
/// # Errors
/// Refused when it ended before.
pub(crate) async fn release(
    service: &Service,
    merchant: MerchantId,
    id: AuthorisationId,
    key: &IdempotencyKey,
) -> Result<Answer> {
    let once = match Once::begin(service, merchant.0, "release", key).await? {
        Begun::Replay(answer) => return Ok(answer),
        Begun::Fresh(once) => once,
    };
    let outcome = match lock(&once, merchant, id).await? {
        Some((row, card)) => {
            let to = AuthorisationState::Released;
            match let_go(&once.tx, &row, &card, to, once.now).await {
                Ok(()) => AuthorisationView::new(Authorisation { state: to, ..row }),
                Err(error) => Err(error),
            }
        }
        None => Err(Refusal::NotFound { what: "authorisation" }.into()),
    };
    once.finish(http::StatusCode::OK, outcome).await
}

/// Expires what is due.
///
/// # Errors
/// When the database fails; what was done stays done.
pub(crate) async fn expire_authorisations(service: &Service) -> Result<()> {
    let now = service.clock.now();
    let now_ms = now.as_millisecond();
    for seen in authorisation::due(service.db.read(), now_ms, EXPIRED_PER_RUN).await? {
        let tx = service.db.begin("expire_authorisation").await?;
        let Some(card) = card::lock(&tx, seen.card_id).await? else { continue };
        match let_go(&tx, &seen, &card, AuthorisationState::Expired, now).await {
            Ok(()) => tx.commit().await?,
            // It ended meanwhile.
            Err(Error::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The authorisation and its card, which is locked: everything that changes either locks the card
/// first.
async fn lock(
    once: &Once,
    merchant: MerchantId,
    id: AuthorisationId,
) -> Result<Option<(Authorisation, Card)>> {
    let Some(seen) = authorisation::find(&once.tx, merchant, id).await? else { return Ok(None) };
    let card = card::lock(&once.tx, seen.card_id).await?.context("a card was deleted")?;
    let row = authorisation::find(&once.tx, merchant, id).await?;
    Ok(Some((row.context("an authorisation was deleted")?, card)))
}

async fn captured(
    service: &Service,
    once: &Once,
    row: Authorisation,
    card: Card,
    wanted: Option<Money>,
    name: Option<String>,
) -> Result<AuthorisationView> {
    let (tx, now_ms) = (&once.tx, once.now_ms());
    still_open(&row)?;
    let authorised = row.amount()?;
    let amount = wanted.unwrap_or(authorised);
    if amount.currency != authorised.currency {
        let (expected, given) = (authorised.currency, amount.currency);
        return Err(Refusal::CurrencyMismatch { expected, given }.into());
    }
    if amount.minor > authorised.minor {
        return Err(Refusal::CaptureTooLarge { authorised }.into());
    }
    let redemption = Redemption {
        id: RedemptionId::new(),
        merchant_id: row.merchant_id,
        card_id: row.card_id,
        external_id: name.unwrap_or_else(|| row.external_id.clone()),
        amount_minor: amount.minor,
        reversed_minor: 0,
        currency: row.currency.clone(),
        created_at: now_ms,
    };
    let id = redemption.id;
    super::redeem::is_new(tx, row.merchant_id, &redemption.external_id).await?;
    let rest = authorised.checked_sub(amount)?;
    if !card::end_authorisation(tx, &card, authorised, amount, reopened(&card, rest, once)?, now_ms)
        .await?
    {
        return Err(Error::CONTENDED);
    }
    owe(service, once, redemption).await?;
    let to = AuthorisationState::Captured;
    if !authorisation::end(tx, row.id, to, Some(id), "captured by the till", now_ms).await? {
        return Err(Error::CONTENDED);
    }
    AuthorisationView::new(Authorisation { state: to, redemption_id: Some(id), ..row })
}

/// Gives all of an authorisation back to its card, which the caller has locked.
async fn let_go(
    tx: &platform::Tx,
    row: &Authorisation,
    card: &Card,
    to: AuthorisationState,
    now: jiff::Timestamp,
) -> Result<()> {
    still_open(row)?;
    let (authorised, now_ms) = (row.amount()?, now.as_millisecond());
    let nothing = Money::zero(authorised.currency);
    let reason = match to {
        AuthorisationState::Expired => "its time is over",
        _ => "released by the till",
    };
    if !authorisation::end(tx, row.id, to, None, reason, now_ms).await? {
        return Err(Refusal::AuthorisationEnded { state: row.state }.into());
    }
    let expires_at = expiry(card, now);
    if !card::end_authorisation(tx, card, authorised, nothing, expires_at, now_ms).await? {
        return Err(Error::CONTENDED);
    }
    Ok(())
}

fn still_open(row: &Authorisation) -> Result<(), Refusal> {
    match row.state {
        AuthorisationState::Authorised => Ok(()),
        state => Err(Refusal::AuthorisationEnded { state }),
    }
}

/// When the card expires after `rest` has gone back to it.
fn reopened(card: &Card, rest: Money, once: &Once) -> Result<Option<i64>> {
    Ok(if rest.is_positive() { expiry(card, once.now) } else { card.expires_at })
}

/// Value that could not be spent while it was set aside leaves as much time as a reversal.
fn expiry(card: &Card, now: jiff::Timestamp) -> Option<i64> {
    rules::expiry_after_reversal(card.expires_at.map(time), now).map(|at| at.as_millisecond())
}
