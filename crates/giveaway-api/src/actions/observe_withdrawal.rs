//! What the provider shows of a withdrawal's transfer, wherever it was seen: in the answer to a send, in
//! a look-up, in the list. The provider is the truth for whether money moved.

use ledger::{Currency, Money, holds};
use platform::{
    Tx,
    provider::{Transfer, TransferStatus},
};

use super::{
    host_debt,
    send_withdrawal::{SWEEP, give_back, later},
};
use crate::{
    domain::{
        books,
        withdrawal::{REFERENCE_PREFIX, WithdrawalState, steps},
    },
    error::{Error, Result},
    ids::HostId,
    service::Service,
    store::{
        host, outgoing, payout,
        withdrawal::{self, Model, Outcome},
    },
};

/// Records what the provider shows, in one transaction: either the withdrawal goes on, with the ledger,
/// or the money is unexplained. Transfers of others are left alone. Idempotent.
///
/// # Errors
/// When the database fails; the transfer will be seen again.
pub(crate) async fn record(service: &Service, transfer: &Transfer) -> Result<()> {
    if !transfer.provider_ref.starts_with(REFERENCE_PREFIX) {
        return Ok(());
    }
    let tx = service.db.begin("observe_withdrawal").await?;
    let known = withdrawal::lock(&tx, &transfer.provider_ref).await?;
    match explained(known.as_ref(), transfer)? {
        Ok((row, way)) => {
            for to in way {
                advance(service, &tx, row, *to, transfer).await?;
            }
        }
        Err(reason) => suspend(service, &tx, known.as_ref(), transfer, reason).await?,
    }
    tx.commit().await?;
    Ok(())
}

type Explained<'a> = Result<(&'a Model, &'static [WithdrawalState]), &'static str>;

/// The withdrawal that a transfer belongs to, with the way from its state to the provider's.
fn explained<'a>(known: Option<&'a Model>, transfer: &Transfer) -> Result<Explained<'a>> {
    let Some(row) = known else { return Ok(Err("no withdrawal of ours has this reference")) };
    if !transfer.matches(&row.transfer()) {
        return Ok(Err("amount, currency or destination are not those of the withdrawal"));
    }
    if row.provider_id.as_ref().is_some_and(|id| *id != transfer.id) {
        return Ok(Err("the withdrawal belongs to another transfer"));
    }
    let state = row.state()?;
    // The provider reports changes late and out of order. Only one that its own object let fail may
    // meet that object as it was before; one that was refused has no object.
    let is_stale = row.provider_id.is_some()
        && (state, transfer.status) == (WithdrawalState::Failed, TransferStatus::Pending);
    if is_stale {
        return Ok(Ok((row, &[])));
    }
    let way = steps(state, transfer.status);
    Ok(way
        .map(|way| (row, way))
        .ok_or("the withdrawal is in a state in which no money may have moved"))
}

/// One step of a withdrawal, with what it means for the ledger.
async fn advance(
    service: &Service,
    tx: &Tx,
    row: &Model,
    to: WithdrawalState,
    transfer: &Transfer,
) -> Result<()> {
    let now = service.clock.now();
    let (id, amount, reason) = (row.id(), row.amount()?, "shown by the provider");
    let mut outcome = Outcome { provider_id: Some(&transfer.id), ..Outcome::default() };
    if to == WithdrawalState::Failed {
        outcome.failure_code = transfer.failure_code.as_deref();
        return give_back(service, tx, row, outcome, reason).await;
    }
    // A transfer that came back at once went through paid, so the state before is not the loaded one.
    let from = match to {
        WithdrawalState::Reversed => WithdrawalState::Paid,
        _ => row.state()?,
    };
    if to == WithdrawalState::PendingProvider {
        outcome.due = Some(later(now, SWEEP));
    }
    if !withdrawal::advance(tx, id, (from, to), outcome, reason, now).await? {
        return Err(Error::Unavailable("the withdrawal is being looked up".into()));
    }
    match to {
        WithdrawalState::Paid => {
            let legs = books::withdrawn(service.mode(), id, amount);
            holds::capture(tx, id.0, legs, now).await.map_err(anyhow::Error::from)?;
        }
        WithdrawalState::Reversed => {
            let host = HostId(row.host_id);
            host::lock(tx, host).await?;
            let posting = books::withdrawal_reversed(service.mode(), host, id, amount);
            ledger::post(tx, &posting, now).await?;
            host_debt::repay(service, tx, host, (posting.op_id, amount), now).await?;
        }
        _ => {}
    }
    Ok(())
}

/// Money without an explanation: into suspense, and no further money to that host.
async fn suspend(
    service: &Service,
    tx: &Tx,
    known: Option<&Model>,
    transfer: &Transfer,
    reason: &'static str,
) -> Result<()> {
    let now = service.clock.now();
    let id = transfer.id.as_str();
    let amount = transfer.amount.currency.parse::<Currency>();
    let amount = amount.map(|currency| Money::new(transfer.amount.minor, currency));
    match (transfer.status, amount) {
        // Nothing moved, and nothing will.
        (TransferStatus::Failed, _) => return Ok(()),
        (TransferStatus::Reversed, Ok(amount)) => {
            if outgoing::insert_returned(tx, id, now).await? {
                let posting = books::unmatched_transfer(service.mode(), id, amount, true);
                ledger::post(tx, &posting, now).await?;
            }
            return Ok(());
        }
        // An amount that our books cannot hold is not posted, but blocks like any other: failing here
        // would hide every transfer behind it in the provider's list.
        (TransferStatus::Paid, Ok(amount)) if amount.is_positive() => {
            let reference = &transfer.provider_ref;
            if !outgoing::insert_unmatched(tx, id, reference, amount, reason, now).await? {
                return Ok(());
            }
            let posting = books::unmatched_transfer(service.mode(), id, amount, false);
            ledger::post(tx, &posting, now).await?;
        }
        _ => {}
    }
    let host = known.map(|row| HostId(row.host_id));
    payout::block(tx, host, &transfer.destination, now).await?;
    tracing::error!(transfer = id, reason, "money left that no withdrawal explains");
    Ok(())
}
