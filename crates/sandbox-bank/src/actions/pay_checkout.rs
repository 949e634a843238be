//! The customer pays.

use super::UnitOfWork;
use super::move_payment::record;
use crate::domain::checkout::CheckoutStatus;
use crate::domain::fault::{Class, Fault, Target};
use crate::domain::new_id;
use crate::domain::payment::{Payment, PaymentStatus, cost_minor};
use crate::domain::plan::Plan;
use crate::error::BankError;
use crate::store::{checkouts, payments};

/// Pays a checkout. Paying it again gives the same payment: a customer who presses the button
/// twice pays once. One that has expired cannot be paid.
pub(crate) fn pay_checkout(unit: &UnitOfWork<'_>, checkout_id: &str) -> Result<Payment, BankError> {
    let checkout = checkouts::get(unit.tx, checkout_id, &unit.config.public_url, unit.now)?
        .ok_or(BankError::NotFound { what: "checkout" })?;
    if let Some(payment) = payments::of_checkout(unit.tx, checkout_id)? {
        return Ok(payment);
    }
    if checkout.status == CheckoutStatus::Expired {
        return Err(BankError::Transition { what: "checkout", from: "expired", to: "paid" });
    }
    let (status, plan) = outcome(unit)?;
    let payment = Payment {
        id: new_id("pay"),
        checkout_id: checkout.id,
        reference: checkout.reference,
        amount_minor: checkout.amount_minor,
        cost_minor: cost_minor(
            checkout.amount_minor,
            unit.config.cost_fixed_minor,
            unit.config.cost_basis_points,
        ),
        currency: checkout.currency,
        refunded_minor: 0,
        charged_back_minor: 0,
        status,
        created_at: unit.now,
        changed_at: unit.now,
    };
    let position = record(unit, &payment, payment.amount_minor)?;
    payments::insert(unit.tx, &payment, position, &plan)?;
    Ok(payment)
}

/// How the payment begins and goes on: paid and done, unless a fault says otherwise.
fn outcome(unit: &UnitOfWork<'_>) -> rusqlite::Result<(PaymentStatus, Plan<PaymentStatus>)> {
    use PaymentStatus::{ChargedBack, Failed, Paid, Pending};
    let Some(struck) = unit.take_fault(Class::Outcome, Target::Payments)? else {
        return Ok((Paid, Plan::none()));
    };
    let plan = |steps| Plan::of(steps, struck.delay_ms);
    Ok(match struck.fault {
        Fault::PendingThenPaid => (Pending, plan(vec![Paid])),
        Fault::PendingThenFailed => (Pending, plan(vec![Failed])),
        Fault::Chargeback => (Paid, plan(vec![ChargedBack])),
        _ => (Paid, Plan::none()),
    })
}
