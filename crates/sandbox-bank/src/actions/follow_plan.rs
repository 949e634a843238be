//! Pending things move on by themselves.

use jiff::Timestamp;

use super::UnitOfWork;
use super::move_payment::move_payment;
use super::move_transfer::move_transfer;
use crate::domain::plan::Plan;
use crate::error::BankError;
use crate::store::{payments, transfers};

/// Takes the payment whose step is due first one step on. Gives when a step that is not yet due
/// will be; the present when one was taken, because the next may be due as well; `None` when
/// nothing is planned.
pub(crate) fn follow_payment_plan(unit: &UnitOfWork<'_>) -> Result<Option<Timestamp>, BankError> {
    let Some((payment, plan, due_at)) = payments::next_due(unit.tx)? else { return Ok(None) };
    if due_at > unit.now {
        return Ok(Some(due_at));
    }
    let id = payment.id.clone();
    let rest = match plan.next() {
        Some((next, rest)) if payment.status.can_become(next) => {
            move_payment(unit, payment, next)?;
            rest
        }
        _ => Plan::none(),
    };
    payments::set_plan(unit.tx, &id, &rest, unit.now)?;
    Ok(Some(unit.now))
}

/// The same for the transfer whose step is due first.
pub(crate) fn follow_transfer_plan(unit: &UnitOfWork<'_>) -> Result<Option<Timestamp>, BankError> {
    let Some((transfer, plan, due_at)) = transfers::next_due(unit.tx)? else { return Ok(None) };
    if due_at > unit.now {
        return Ok(Some(due_at));
    }
    let id = transfer.id.clone();
    let rest = match plan.next() {
        Some((next, rest)) if transfer.status.can_become(next) => {
            move_transfer(unit, transfer, next)?;
            rest
        }
        _ => Plan::none(),
    };
    transfers::set_plan(unit.tx, &id, &rest, unit.now)?;
    Ok(Some(unit.now))
}
