//! Transfers.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{Json, Ms, Name};
use crate::domain::plan::Plan;
use crate::domain::transfer::{Transfer, TransferStatus};

/// How many transfers one reference is looked up to. One is right, two are enough to see that it
/// is not; more tell nothing new.
const LOOK_UP_LIMIT: u32 = 20;

/// What is known of a new transfer beside itself.
pub(crate) struct Filing<'a> {
    pub(crate) idempotency_key: &'a str,
    pub(crate) position: i64,
    pub(crate) hidden_until: Option<Timestamp>,
    pub(crate) plan: &'a Plan<TransferStatus>,
}

/// Writes a new transfer down.
pub(crate) fn insert(
    tx: &Connection,
    transfer: &Transfer,
    filing: &Filing<'_>,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO transfers
             (id, reference, idempotency_key, amount_minor, currency, destination, status,
              position, hidden_until_ms, steps, step_ms, due_at_ms, created_at_ms, changed_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        transfer.id,
        transfer.reference,
        filing.idempotency_key,
        transfer.amount_minor,
        transfer.currency,
        transfer.destination,
        Name(transfer.status),
        filing.position,
        filing.hidden_until.map(Ms),
        Json(&filing.plan.steps),
        filing.plan.step_ms,
        filing.plan.due_at(transfer.created_at).map(Ms),
        Ms(transfer.created_at),
        Ms(transfer.changed_at),
    ])?;
    Ok(())
}

/// Writes down what changed on a transfer that was read in the same transaction.
pub(crate) fn update(tx: &Connection, transfer: &Transfer, position: i64) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE transfers SET status = ?, position = ?, changed_at_ms = ? WHERE id = ?",
    )?
    .execute(params![
        Name(transfer.status),
        position,
        Ms(transfer.changed_at),
        transfer.id
    ])?;
    Ok(())
}

/// The transfer with this id.
pub(crate) fn get(tx: &Connection, id: &str) -> rusqlite::Result<Option<Transfer>> {
    tx.prepare_cached("SELECT * FROM transfers WHERE id = ?")?.query_row([id], transfer).optional()
}

/// The transfers with this reference that can be seen at `now`, oldest first.
pub(crate) fn by_reference(
    tx: &Connection,
    reference: &str,
    now: Timestamp,
) -> rusqlite::Result<Vec<Transfer>> {
    tx.prepare_cached(
        "SELECT * FROM transfers
         WHERE reference = ? AND (hidden_until_ms IS NULL OR hidden_until_ms <= ?)
         ORDER BY id LIMIT ?",
    )?
    .query_map(params![reference, Ms(now), LOOK_UP_LIMIT], transfer)?
    .collect()
}

/// Transfers that changed after entry `after` of the log, in that order, with their positions.
pub(crate) fn list(
    tx: &Connection,
    after: i64,
    limit: u32,
) -> rusqlite::Result<Vec<(i64, Transfer)>> {
    tx.prepare_cached("SELECT * FROM transfers WHERE position > ? ORDER BY position LIMIT ?")?
        .query_map(params![after, limit], |row| Ok((row.get("position")?, transfer(row)?)))?
        .collect()
}

/// Makes what was hidden under a key visible, and gives the ids.
pub(crate) fn reveal(tx: &Connection, idempotency_key: &str) -> rusqlite::Result<Vec<String>> {
    tx.prepare_cached(
        "UPDATE transfers SET hidden_until_ms = NULL
         WHERE idempotency_key = ? AND hidden_until_ms IS NOT NULL RETURNING id",
    )?
    .query_map([idempotency_key], |row| row.get(0))?
    .collect()
}

/// The transfer whose next step is due first, with its plan and when it is due.
pub(crate) fn next_due(
    tx: &Connection,
) -> rusqlite::Result<Option<(Transfer, Plan<TransferStatus>, Timestamp)>> {
    tx.prepare_cached(
        "SELECT * FROM transfers WHERE due_at_ms IS NOT NULL ORDER BY due_at_ms LIMIT 1",
    )?
    .query_row([], |row| {
        let plan = Plan { steps: row.get::<_, Json<_>>("steps")?.0, step_ms: row.get("step_ms")? };
        Ok((transfer(row)?, plan, row.get::<_, Ms>("due_at_ms")?.0))
    })
    .optional()
}

/// Replaces what the transfer will still go through by itself.
pub(crate) fn set_plan(
    tx: &Connection,
    id: &str,
    plan: &Plan<TransferStatus>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE transfers SET steps = ?, step_ms = ?, due_at_ms = ? WHERE id = ?")?
        .execute(params![Json(&plan.steps), plan.step_ms, plan.due_at(now).map(Ms), id])?;
    Ok(())
}

fn transfer(row: &Row<'_>) -> rusqlite::Result<Transfer> {
    let status = row.get::<_, Name<TransferStatus>>("status")?.0;
    Ok(Transfer {
        id: row.get("id")?,
        reference: row.get("reference")?,
        amount_minor: row.get("amount_minor")?,
        currency: row.get("currency")?,
        destination: row.get("destination")?,
        status,
        failure_code: status.failure_code().map(str::to_owned),
        created_at: row.get::<_, Ms>("created_at_ms")?.0,
        changed_at: row.get::<_, Ms>("changed_at_ms")?.0,
    })
}
