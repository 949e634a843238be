//! Refunds.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::columns::Ms;

/// Writes a refund down.
pub(crate) fn insert(
    tx: &Connection,
    id: &str,
    payment_id: &str,
    reference: &str,
    amount_minor: i64,
    now: Timestamp,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO refunds (id, payment_id, reference, amount_minor, created_at_ms)
         VALUES (?, ?, ?, ?, ?)",
    )?
    .execute(params![id, payment_id, reference, amount_minor, Ms(now)])?;
    Ok(())
}
