//! What the provider shows of a transfer, wherever it was seen: in the answer to a send, in a
//! look-up, after a webhook, in the list. The provider is the truth for whether money moved.

use ledger::{Currency, Money};
use platform::{
    Tx,
    provider::{Transfer, TransferStatus},
};
use uuid::Uuid;

use crate::{
    domain::{
        ids::MerchantId,
        settlement::{AttemptState, LineKind, steps},
    },
    error::{Error, Result},
    service::Service,
    store::{
        alert,
        attempt::{self, Attempt, Change},
        block,
        line::{self, Line},
        merchant, settlement,
        unmatched::{self, Unmatched},
    },
};

/// References of transfers that another application of the installation sends and accounts for.
const OTHERS: &[&str] = &["wdr_"];

/// Records what the provider shows, in one transaction: either the attempt goes on, with its
/// settlement and the ledger, or the money is unexplained. Idempotent.
///
/// # Errors
/// When the database fails; the transfer will be seen again.
pub(crate) async fn record(service: &Service, transfer: &Transfer) -> Result<()> {
    if OTHERS.iter().any(|prefix| transfer.provider_ref.starts_with(prefix)) {
        return Ok(());
    }
    let tx = service.db.begin("observe_transfer").await?;
    let known = attempt::lock(&tx, &transfer.provider_ref).await?;
    match explained(known.as_ref(), transfer) {
        Ok((attempt, way)) => {
            for to in way {
                advance(service, &tx, attempt, *to, transfer).await?;
            }
        }
        Err(reason) => {
            let payee = known.map(|attempt| attempt.merchant_id);
            suspend(service, &tx, payee, transfer, reason).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// The attempt that a transfer belongs to, with the way from its state to the provider's.
fn explained<'a>(
    known: Option<&'a Attempt>,
    transfer: &Transfer,
) -> Result<(&'a Attempt, &'static [AttemptState]), &'static str> {
    let attempt = known.ok_or("no attempt of ours has this reference")?;
    if !transfer.matches(&attempt.transfer()) {
        return Err("amount, currency or destination are not those of the attempt");
    }
    if attempt.provider_id.as_ref().is_some_and(|id| *id != transfer.id) {
        return Err("the attempt belongs to another transfer");
    }
    // The provider reports changes late and out of order. Only an attempt that its own object let fail
    // may meet that object as it was before; one that was refused has no object.
    let is_stale = attempt.provider_id.is_some()
        && (attempt.state, transfer.status) == (AttemptState::Failed, TransferStatus::Pending);
    if is_stale {
        return Ok((attempt, &[]));
    }
    let way = steps(attempt.state, transfer.status)
        .ok_or("the attempt is in a state in which no money may have moved")?;
    Ok((attempt, way))
}

/// One step of an attempt and its settlement, with what it means for the ledger.
async fn advance(
    service: &Service,
    tx: &Tx,
    attempt: &Attempt,
    to: AttemptState,
    transfer: &Transfer,
) -> Result<()> {
    let now = service.clock.now();
    let now_ms = now.as_millisecond();
    // A transfer that came back at once went through paid, so the state before is not the loaded one.
    let from = match to {
        AttemptState::Reversed => AttemptState::Paid,
        _ => attempt.state,
    };
    let sweep_ms = i64::from(service.config.settlement.sweep_seconds) * 1_000;
    let change = Change {
        provider_id: Some(&transfer.id),
        failure_code: transfer.failure_code.as_deref().filter(|_| to == AttemptState::Failed),
        note: None,
        due_ms: (to == AttemptState::PendingProvider).then(|| now_ms.saturating_add(sweep_ms)),
    };
    let reason = "shown by the provider";
    let step = (from.of_settlement(), to.of_settlement());
    let (reference, id) = (&attempt.provider_ref, attempt.settlement_id);
    let moved = attempt::advance(tx, reference, (from, to), change, reason, now_ms).await?
        && settlement::advance(tx, id, step, attempt.number, reason, now_ms).await?;
    if !moved {
        return Err(Error::CONTENDED);
    }
    // Whatever the provider shows of it, nobody needs to look for it any more.
    alert::clear(tx, alert::Kind::AttemptStuck, reference, now_ms).await?;
    let total = crate::store::money(attempt.amount_minor, &attempt.currency)?;
    let payee = attempt.merchant_id;
    match to {
        AttemptState::Paid => {
            let posting = service.books.settled(reference, id.0, payee, total)?;
            ledger::post(tx, &posting, now).await?;
        }
        AttemptState::Reversed => {
            let posting = service.books.transfer_reversed(reference, id.0, payee, total)?;
            ledger::post(tx, &posting, now).await?;
            line::insert(tx, adjustment(attempt, now_ms)).await?;
        }
        _ => {}
    }
    Ok(())
}

/// The merchant is owed the amount again; the lines of the reversed settlement stay consumed.
fn adjustment(attempt: &Attempt, now_ms: i64) -> Line {
    Line {
        id: Uuid::now_v7(),
        merchant_id: attempt.merchant_id,
        currency: attempt.currency.clone(),
        kind: LineKind::Adjustment,
        amount_minor: attempt.amount_minor,
        settlement_id: None,
        created_at: now_ms,
    }
}

/// Money without an explanation: into suspense, no further transfer to that merchant, an alert.
async fn suspend(
    service: &Service,
    tx: &Tx,
    payee: Option<MerchantId>,
    transfer: &Transfer,
    reason: &'static str,
) -> Result<()> {
    let now = service.clock.now();
    let now_ms = now.as_millisecond();
    let known = unmatched::find(tx, &transfer.id).await?;
    match (transfer.status, known) {
        // Nothing moved, and nothing will.
        (TransferStatus::Failed, _) => return Ok(()),
        (TransferStatus::Reversed, Some(row)) => {
            if unmatched::reversed(tx, &transfer.id, now_ms).await? {
                let posting =
                    service.books.unmatched_reversed(&transfer.id, row.id, row.amount()?)?;
                ledger::post(tx, &posting, now).await?;
            }
            return Ok(());
        }
        (_, Some(_)) => return Ok(()),
        (TransferStatus::Paid, None) => {
            // An amount that our books cannot hold is not posted, but blocks and alerts below like
            // any other: failing here would hide every transfer behind it in the provider's list.
            if let Ok(amount) = amount(transfer) {
                let row = Unmatched {
                    provider_id: transfer.id.clone(),
                    id: Uuid::now_v7(),
                    provider_ref: transfer.provider_ref.clone(),
                    merchant_id: payee,
                    amount_minor: amount.minor,
                    currency: amount.currency.to_string(),
                    reason: reason.to_owned(),
                    found_at: now_ms,
                    reversed_at: None,
                    accepted_at: None,
                };
                if unmatched::insert(tx, row.clone()).await? {
                    let posting = service.books.unmatched(&transfer.id, row.id, amount)?;
                    ledger::post(tx, &posting, now).await?;
                }
            }
        }
        // Not moved yet, or moved and back again: nothing to post, but somebody must look.
        (TransferStatus::Pending | TransferStatus::Reversed, None) => {}
    }
    let mut payees = match payee {
        Some(payee) => vec![payee],
        None => merchant::paid_at(tx, &transfer.destination)
            .await?
            .into_iter()
            .map(|merchant| merchant.id)
            .collect(),
    };
    // In one order, so that two who block the same merchants do not wait for each other.
    payees.sort_unstable();
    for payee in payees {
        block::block(tx, payee, &transfer.id, now_ms).await?;
    }
    let detail = format!("{reason} (reference {})", transfer.provider_ref);
    alert::raise(tx, alert::Kind::UnmatchedTransfer, &transfer.id, detail, now_ms).await?;
    Ok(())
}

fn amount(transfer: &Transfer) -> anyhow::Result<Money> {
    let currency: Currency = transfer.amount.currency.parse()?;
    Ok(Money::new(transfer.amount.minor, currency))
}
