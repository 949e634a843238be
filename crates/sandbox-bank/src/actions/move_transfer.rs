//! A transfer moves to its next status.

use super::UnitOfWork;
use super::announce::announce;
use crate::domain::fault::Target;
use crate::domain::plan::Plan;
use crate::domain::transfer::{Transfer, TransferStatus};
use crate::error::BankError;
use crate::store::effects::{self, NewEffect};
use crate::store::transfers;

/// Moves a transfer because a test says so. What it would have gone through by itself is
/// forgotten; ordering the status that it has changes nothing.
pub(crate) fn order_transfer(
    unit: &UnitOfWork<'_>,
    transfer_id: &str,
    next: TransferStatus,
) -> Result<Transfer, BankError> {
    let transfer =
        transfers::get(unit.tx, transfer_id)?.ok_or(BankError::NotFound { what: "transfer" })?;
    if transfer.status == next {
        return Ok(transfer);
    }
    let transfer = move_transfer(unit, transfer, next)?;
    transfers::set_plan(unit.tx, &transfer.id, &Plan::none(), unit.now)?;
    Ok(transfer)
}

/// Moves a transfer that was read in this transaction.
pub(super) fn move_transfer(
    unit: &UnitOfWork<'_>,
    mut transfer: Transfer,
    next: TransferStatus,
) -> Result<Transfer, BankError> {
    if !transfer.status.can_become(next) {
        return Err(BankError::Transition {
            what: "transfer",
            from: transfer.status.name(),
            to: next.name(),
        });
    }
    transfer.status = next;
    transfer.failure_code = next.failure_code().map(str::to_owned);
    transfer.changed_at = unit.now;
    let position = record(unit, &transfer)?;
    transfers::update(unit.tx, &transfer, position)?;
    Ok(transfer)
}

/// Writes down in the log that the transfer reached its status, and announces it.
pub(super) fn record(unit: &UnitOfWork<'_>, transfer: &Transfer) -> rusqlite::Result<i64> {
    let kind = transfer.status.effect();
    let effect = NewEffect {
        kind,
        object_id: &transfer.id,
        reference: &transfer.reference,
        amount_minor: transfer.amount_minor,
        cost_minor: 0,
        currency: &transfer.currency,
        destination: Some(&transfer.destination),
    };
    let position = effects::append(unit.tx, &effect, unit.now)?;
    if transfer.status.is_announced() {
        announce(unit, Target::Transfers, kind, &transfer.id, transfer)?;
    }
    Ok(position)
}
