//! Gives a payment back, in whole or in part.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::UnitOfWork;
use crate::domain::new_id;
use crate::domain::payment::PaymentStatus;
use crate::error::BankError;
use crate::store::effects::{self, NewEffect};
use crate::store::{payments, refunds};

/// The checked body of the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefundRequest {
    pub(crate) reference: String,
    pub(crate) payment_id: String,
    pub(crate) amount_minor: i64,
    /// The payment's own currency; checked when given.
    pub(crate) currency: Option<String>,
}

/// A refund as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct Refund {
    id: String,
    payment_id: String,
    reference: String,
    amount_minor: i64,
    currency: String,
    status: &'static str,
    created_at: Timestamp,
}

/// Gives `amount_minor` of a paid payment back at once.
pub(crate) fn refund_payment(
    unit: &UnitOfWork<'_>,
    request: RefundRequest,
) -> Result<Refund, BankError> {
    let mut payment = payments::get(unit.tx, &request.payment_id)?
        .ok_or(BankError::NotFound { what: "payment" })?;
    if payment.status != PaymentStatus::Paid {
        let from = payment.status.name();
        return Err(BankError::Transition { what: "payment", from, to: "refunded" });
    }
    if request.currency.is_some_and(|currency| currency != payment.currency) {
        let reason = format!("the payment is in {}", payment.currency);
        return Err(BankError::Invalid { field: "currency", reason });
    }
    if request.amount_minor > payment.left_minor() {
        return Err(BankError::RefundExceedsPayment { left_minor: payment.left_minor() });
    }
    let id = new_id("rfd");
    let effect = NewEffect {
        kind: "refund.paid",
        object_id: &id,
        reference: &request.reference,
        amount_minor: request.amount_minor,
        cost_minor: 0,
        currency: &payment.currency,
        destination: None,
    };
    let position = effects::append(unit.tx, &effect, unit.now)?;
    refunds::insert(unit.tx, &id, &payment.id, &request.reference, request.amount_minor, unit.now)?;
    payment.refunded_minor += request.amount_minor;
    payment.changed_at = unit.now;
    payments::update(unit.tx, &payment, position)?;
    Ok(Refund {
        id,
        payment_id: payment.id,
        reference: request.reference,
        amount_minor: request.amount_minor,
        currency: payment.currency,
        status: "paid",
        created_at: unit.now,
    })
}
