//! Sends money to a destination.

use serde::{Deserialize, Serialize};

use super::UnitOfWork;
use super::move_transfer::record;
use crate::domain::fault::{Class, Fault, Target};
use crate::domain::new_id;
use crate::domain::plan::Plan;
use crate::domain::transfer::{Transfer, TransferStatus};
use crate::error::BankError;
use crate::store::transfers::{self, Filing};

/// The checked body of the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransferRequest {
    pub(crate) reference: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) destination: String,
}

/// Sends a transfer. Only the idempotency key protects against sending twice.
pub(crate) fn send_transfer(
    unit: &UnitOfWork<'_>,
    request: TransferRequest,
    idempotency_key: &str,
) -> Result<Transfer, BankError> {
    let (status, plan) = outcome(unit)?;
    let transfer = Transfer {
        id: new_id("trf"),
        reference: request.reference,
        amount_minor: request.amount_minor,
        currency: request.currency,
        destination: request.destination,
        status,
        failure_code: None,
        created_at: unit.now,
        changed_at: unit.now,
    };
    let filing = Filing {
        idempotency_key,
        position: record(unit, &transfer)?,
        hidden_until: unit.hidden_until,
        plan: &plan,
    };
    transfers::insert(unit.tx, &transfer, &filing)?;
    Ok(transfer)
}

/// How the transfer begins and goes on: paid and done, unless a fault says otherwise.
fn outcome(unit: &UnitOfWork<'_>) -> rusqlite::Result<(TransferStatus, Plan<TransferStatus>)> {
    use TransferStatus::{Failed, Paid, Pending, Reversed};
    let Some(struck) = unit.take_fault(Class::Outcome, Target::Transfers)? else {
        return Ok((Paid, Plan::none()));
    };
    let plan = |steps| Plan::of(steps, struck.delay_ms);
    Ok(match struck.fault {
        Fault::PendingThenPaid => (Pending, plan(vec![Paid])),
        Fault::PendingThenFailed => (Pending, plan(vec![Failed])),
        Fault::PendingThenReversed => (Pending, plan(vec![Paid, Reversed])),
        Fault::PaidThenReversed => (Paid, plan(vec![Reversed])),
        _ => (Paid, Plan::none()),
    })
}
