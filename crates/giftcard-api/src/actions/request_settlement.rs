//! T1 of a settlement: the lines, the frozen amount and the first attempt, before any money moves.

use ledger::Currency;
use platform::{Tx, http::IdempotencyKey};
use serde::{Deserialize, Serialize};

use super::once::{Answer, Begun, Once};
use crate::{
    domain::{
        ids::{MerchantId, SettlementId},
        refusal::Refusal,
        settlement::{AttemptState, SettlementState, provider_ref},
    },
    error::{Error, Result},
    known_bad::KnownBad,
    service::Service,
    store::{
        attempt::{self, Attempt},
        line, merchant,
        merchant::Merchant,
        money, payout,
        settlement::{self, Settlement},
    },
};

/// What is stored under a key: a replay answers with the settlement's state of that moment.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Requested {
    pub(crate) id: SettlementId,
}

/// Requests a settlement of everything that waits for one. A settlement that is under way is
/// answered instead of a second one; a failed one gets its next attempt, with the same lines and
/// amount.
///
/// # Errors
/// Refused when nothing is owed or the merchant is blocked.
pub(crate) async fn request_settlement(
    service: &Service,
    merchant: MerchantId,
    currency: Currency,
    key: &IdempotencyKey,
) -> Result<Answer> {
    let once = match Once::begin(service, merchant.0, "settle", key).await? {
        Begun::Replay(answer) => return Ok(answer),
        Begun::Fresh(once) => once,
    };
    let outcome = place(&once.tx, merchant, currency, once.now_ms()).await;
    if service.misbehaves(KnownBad::NoAttemptRow)
        && let Ok(id) = &outcome
        && let Some(attempt) = attempt::find(&once.tx, &provider_ref(*id, 1)).await?
    {
        service.provider.transfer(attempt.transfer()).await;
    }
    let answer =
        once.finish(http::StatusCode::ACCEPTED, outcome.map(|id| Requested { id })).await?;
    service.wakers.settlements.wake();
    Ok(answer)
}

/// T1 itself, within a transaction.
///
/// # Errors
/// As [`request_settlement`].
pub(crate) async fn place(
    tx: &Tx,
    merchant: MerchantId,
    currency: Currency,
    now_ms: i64,
) -> Result<SettlementId> {
    let mut payee =
        merchant::lock(tx, merchant).await?.ok_or(Refusal::NotFound { what: "merchant" })?;
    payee.payout_destination = payout::in_force(tx, &payee, now_ms).await?;
    let open = settlement::open_of(tx, merchant, currency).await?;
    if let Some(open) = open.as_ref().filter(|open| open.state != SettlementState::Failed) {
        return Ok(open.id);
    }
    if payee.blocked_at.is_some() {
        return Err(Refusal::MerchantBlocked.into());
    }
    match open {
        Some(failed) => again(tx, &payee, failed, now_ms).await,
        None => first(tx, &payee, currency, now_ms).await,
    }
}

async fn first(tx: &Tx, payee: &Merchant, currency: Currency, now_ms: i64) -> Result<SettlementId> {
    let waiting = line::waiting(tx, payee.id, currency).await?;
    if waiting.minor <= 0 {
        let carried = money(waiting.minor, currency.as_str())?;
        return Err(Refusal::NothingToSettle { carried }.into());
    }
    let row = Settlement {
        id: SettlementId::new(),
        merchant_id: payee.id,
        currency: currency.to_string(),
        total_minor: waiting.minor,
        lines_count: waiting.count,
        attempt: 1,
        state: SettlementState::Intent,
        created_at: now_ms,
        changed_at: now_ms,
    };
    settlement::insert(tx, row.clone()).await?;
    line::take(tx, payee.id, currency, row.id).await?;
    // A till may have been faster between the two statements: then the sum is another one, and
    // everything is rolled back.
    if line::total_of(tx, row.id).await? != waiting {
        return Err(Error::CONTENDED);
    }
    attempt::insert(tx, intent(&row, payee, 1, now_ms)).await?;
    Ok(row.id)
}

async fn again(tx: &Tx, payee: &Merchant, failed: Settlement, now_ms: i64) -> Result<SettlementId> {
    let number = failed.attempt + 1;
    let step = (SettlementState::Failed, SettlementState::Intent);
    if !settlement::advance(tx, failed.id, step, number, "attempted again", now_ms).await? {
        return Err(Error::CONTENDED);
    }
    attempt::insert(tx, intent(&failed, payee, number, now_ms)).await?;
    Ok(failed.id)
}

fn intent(settlement: &Settlement, payee: &Merchant, number: i32, now_ms: i64) -> Attempt {
    Attempt {
        provider_ref: provider_ref(settlement.id, number),
        settlement_id: settlement.id,
        number,
        merchant_id: payee.id,
        amount_minor: settlement.total_minor,
        currency: settlement.currency.clone(),
        destination: payee.payout_destination.clone(),
        state: AttemptState::Intent,
        claims: 0,
        possible_sends: 0,
        tries: 0,
        due_at: now_ms,
        first_sent_at: None,
        provider_id: None,
        failure_code: None,
        note: None,
        listed_at: None,
        created_at: now_ms,
        changed_at: now_ms,
    }
}
