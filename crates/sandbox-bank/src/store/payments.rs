//! Payments.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{Json, Ms, Name};
use crate::domain::payment::{Payment, PaymentStatus};
use crate::domain::plan::Plan;

/// Writes a new payment down.
pub(crate) fn insert(
    tx: &Connection,
    payment: &Payment,
    position: i64,
    plan: &Plan<PaymentStatus>,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO payments
             (id, checkout_id, reference, amount_minor, currency, cost_minor, status, position,
              steps, step_ms, due_at_ms, created_at_ms, changed_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        payment.id,
        payment.checkout_id,
        payment.reference,
        payment.amount_minor,
        payment.currency,
        payment.cost_minor,
        Name(payment.status),
        position,
        Json(&plan.steps),
        plan.step_ms,
        plan.due_at(payment.created_at).map(Ms),
        Ms(payment.created_at),
        Ms(payment.changed_at),
    ])?;
    Ok(())
}

/// Writes down what changed on a payment that was read in the same transaction.
pub(crate) fn update(tx: &Connection, payment: &Payment, position: i64) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE payments SET status = ?, refunded_minor = ?, charged_back_minor = ?, position = ?,
                changed_at_ms = ?
         WHERE id = ?",
    )?
    .execute(params![
        Name(payment.status),
        payment.refunded_minor,
        payment.charged_back_minor,
        position,
        Ms(payment.changed_at),
        payment.id,
    ])?;
    Ok(())
}

/// The payment with this id.
pub(crate) fn get(tx: &Connection, id: &str) -> rusqlite::Result<Option<Payment>> {
    tx.prepare_cached("SELECT * FROM payments WHERE id = ?")?.query_row([id], payment).optional()
}

/// The payment of a checkout.
pub(crate) fn of_checkout(tx: &Connection, checkout_id: &str) -> rusqlite::Result<Option<Payment>> {
    tx.prepare_cached("SELECT * FROM payments WHERE checkout_id = ?")?
        .query_row([checkout_id], payment)
        .optional()
}

/// Payments that changed after entry `after` of the log, in that order, with their positions.
pub(crate) fn list(
    tx: &Connection,
    after: i64,
    limit: u32,
) -> rusqlite::Result<Vec<(i64, Payment)>> {
    tx.prepare_cached("SELECT * FROM payments WHERE position > ? ORDER BY position LIMIT ?")?
        .query_map(params![after, limit], |row| Ok((row.get("position")?, payment(row)?)))?
        .collect()
}

/// The payment whose next step is due first, with its plan and when it is due.
pub(crate) fn next_due(
    tx: &Connection,
) -> rusqlite::Result<Option<(Payment, Plan<PaymentStatus>, Timestamp)>> {
    tx.prepare_cached(
        "SELECT * FROM payments WHERE due_at_ms IS NOT NULL ORDER BY due_at_ms LIMIT 1",
    )?
    .query_row([], |row| {
        let plan = Plan { steps: row.get::<_, Json<_>>("steps")?.0, step_ms: row.get("step_ms")? };
        Ok((payment(row)?, plan, row.get::<_, Ms>("due_at_ms")?.0))
    })
    .optional()
}

/// Replaces what the payment will still go through by itself.
pub(crate) fn set_plan(
    tx: &Connection,
    id: &str,
    plan: &Plan<PaymentStatus>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE payments SET steps = ?, step_ms = ?, due_at_ms = ? WHERE id = ?")?
        .execute(params![Json(&plan.steps), plan.step_ms, plan.due_at(now).map(Ms), id])?;
    Ok(())
}

fn payment(row: &Row<'_>) -> rusqlite::Result<Payment> {
    Ok(Payment {
        id: row.get("id")?,
        checkout_id: row.get("checkout_id")?,
        reference: row.get("reference")?,
        amount_minor: row.get("amount_minor")?,
        currency: row.get("currency")?,
        cost_minor: row.get("cost_minor")?,
        refunded_minor: row.get("refunded_minor")?,
        charged_back_minor: row.get("charged_back_minor")?,
        status: row.get::<_, Name<_>>("status")?.0,
        created_at: row.get::<_, Ms>("created_at_ms")?.0,
        changed_at: row.get::<_, Ms>("changed_at_ms")?.0,
    })
}
