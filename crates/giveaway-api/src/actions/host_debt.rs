//! What a host owes after a payment was taken back, and how it is paid: first of all, from whatever
//! comes into the wallet next.
//!
//! Whoever credits a wallet, or takes from it because of a payment, holds the host's row first and the
//! ledger's accounts after it. Otherwise two would wait for each other in a circle; and a debt that
//! is made while a credit looks for none would stay beside money that could pay it.

use jiff::Timestamp;
use ledger::{LedgerError, Money};
use platform::{Tx, provider::Payment};
use uuid::Uuid;

use crate::{
    domain::books::{self, AVAILABLE, HOST_DEBT},
    error::{Error, Result},
    ids::HostId,
    service::Service,
    store::{charge_back, host},
};

/// Posts what was taken back of a payment since the last time, from the wallet as far as it goes and
/// as a debt beyond. Escrows that were funded with it stay funded. Idempotent.
///
/// # Errors
/// When the database fails; the payment will be seen again.
pub(crate) async fn take_back(
    service: &Service,
    tx: &Tx,
    host: Option<HostId>,
    payment: &Payment,
    gross: Money,
    now: Timestamp,
) -> Result<()> {
    if let Some(host) = host {
        host::lock(tx, host).await?;
    }
    let known = charge_back::so_far(tx, &payment.id).await?;
    // More than was paid cannot be taken back; what is beyond is the provider's fee, and no payment.
    let so_far = payment.charged_back_minor.saturating_add(payment.refunded_minor).min(gross.minor);
    let taken = Money::new(so_far - known, gross.currency);
    if !taken.is_positive() {
        return Ok(());
    }
    charge_back::insert(tx, &payment.id, so_far, taken, now.as_millisecond()).await?;
    let part = (payment.id.as_str(), so_far);
    let Some(host) = host else {
        let posting = books::unmatched_charged_back(service.mode(), part, taken);
        ledger::post(tx, &posting, now).await?;
        return Ok(());
    };
    let wallet = books::of_host(service.mode(), host, AVAILABLE, taken.currency);
    let mut from_wallet = ledger::balance(tx, &wallet).await?.minor.min(taken.minor).max(0);
    loop {
        let from = Money::new(from_wallet, taken.currency);
        let posting = books::charged_back(service.mode(), host, part, taken, from);
        match ledger::post(tx, &posting, now).await {
            Ok(_) => break,
            // Somebody spent it meanwhile. The balance in the refusal is locked now, so this ends.
            Err(LedgerError::Insufficient { available, .. }) if available.minor < from_wallet => {
                from_wallet = available.minor;
            }
            Err(error) => return Err(Error::from(error)),
        }
    }
    tracing::error!(payment = payment.id, %host, %taken, "a payment was charged back");
    Ok(())
}

/// Pays what a host owes from what it has now, after a credit that has this name. The caller took the
/// host's row before the credit. Idempotent.
///
/// # Errors
/// When the database fails.
pub(crate) async fn repay(
    service: &Service,
    tx: &Tx,
    host: HostId,
    credit: (Uuid, Money),
    now: Timestamp,
) -> Result<()> {
    let (credit, money) = credit;
    let of = |kind| books::of_host(service.mode(), host, kind, money.currency);
    let owed = -ledger::balance(tx, &of(HOST_DEBT)).await?.minor;
    if owed <= 0 {
        return Ok(());
    }
    // The wallet's row is locked by the credit before.
    let has = ledger::balance(tx, &of(AVAILABLE)).await?.minor;
    let amount = Money::new(owed.min(has), money.currency);
    if amount.is_positive() {
        ledger::post(tx, &books::debt_repaid(service.mode(), host, credit, amount), now).await?;
    }
    Ok(())
}
