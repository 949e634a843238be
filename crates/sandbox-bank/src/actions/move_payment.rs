//! A payment moves to its next status.

use super::UnitOfWork;
use super::announce::announce;
use crate::domain::fault::Target;
use crate::domain::payment::{Payment, PaymentStatus};
use crate::domain::plan::Plan;
use crate::error::BankError;
use crate::store::effects::{self, NewEffect};
use crate::store::payments;

/// The customer's bank takes back what is left of a payment. A second time changes nothing.
pub(crate) fn charge_back_payment(
    unit: &UnitOfWork<'_>,
    payment_id: &str,
) -> Result<Payment, BankError> {
    let payment =
        payments::get(unit.tx, payment_id)?.ok_or(BankError::NotFound { what: "payment" })?;
    if payment.status == PaymentStatus::ChargedBack {
        return Ok(payment);
    }
    let payment = move_payment(unit, payment, PaymentStatus::ChargedBack)?;
    payments::set_plan(unit.tx, &payment.id, &Plan::none(), unit.now)?;
    Ok(payment)
}

/// Moves a payment that was read in this transaction.
pub(super) fn move_payment(
    unit: &UnitOfWork<'_>,
    mut payment: Payment,
    next: PaymentStatus,
) -> Result<Payment, BankError> {
    if !payment.status.can_become(next) {
        return Err(BankError::Transition {
            what: "payment",
            from: payment.status.name(),
            to: next.name(),
        });
    }
    let amount_minor = match next {
        PaymentStatus::ChargedBack => payment.left_minor(),
        _ => payment.amount_minor,
    };
    if next == PaymentStatus::ChargedBack {
        payment.charged_back_minor = amount_minor;
    }
    payment.status = next;
    payment.changed_at = unit.now;
    let position = record(unit, &payment, amount_minor)?;
    payments::update(unit.tx, &payment, position)?;
    Ok(payment)
}

/// Writes down in the log that the payment reached its status, and announces it.
pub(super) fn record(
    unit: &UnitOfWork<'_>,
    payment: &Payment,
    amount_minor: i64,
) -> rusqlite::Result<i64> {
    let kind = payment.status.effect();
    let effect = NewEffect {
        kind,
        object_id: &payment.id,
        reference: &payment.reference,
        amount_minor,
        cost_minor: payment.cost_minor,
        currency: &payment.currency,
        destination: None,
    };
    let position = effects::append(unit.tx, &effect, unit.now)?;
    if payment.status.is_announced() {
        let target = match payment.status {
            PaymentStatus::ChargedBack => Target::Chargebacks,
            _ => Target::Payments,
        };
        announce(unit, target, kind, &payment.id, payment)?;
    }
    Ok(position)
}
