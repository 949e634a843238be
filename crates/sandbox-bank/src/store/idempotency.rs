//! Stored answers, one per idempotency key.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::Ms;

/// How many expired keys one insert clears away: more than come in, so that they never pile up,
/// and few enough not to be noticed.
const CLEARED_PER_INSERT: u32 = 4;

/// What stands under a key.
pub(crate) struct Record {
    pub(crate) fingerprint: Vec<u8>,
    pub(crate) status: u16,
    pub(crate) body: String,
    /// Whether the next resend is refused, by a fault.
    pub(crate) refuse_resend: bool,
}

/// The record under a key that has not expired.
pub(crate) fn find(tx: &Connection, key: &str, now: Timestamp) -> rusqlite::Result<Option<Record>> {
    tx.prepare_cached(
        "SELECT fingerprint, status, body, refuse_resend FROM idempotency_keys
         WHERE key = ? AND expires_at_ms > ?",
    )?
    .query_row(params![key, Ms(now)], |row| {
        Ok(Record {
            fingerprint: row.get(0)?,
            status: row.get(1)?,
            body: row.get(2)?,
            refuse_resend: row.get(3)?,
        })
    })
    .optional()
}

/// Stores the answer of a first execution; what an expired key had stored is gone.
pub(crate) fn insert(
    tx: &Connection,
    key: &str,
    record: &Record,
    now: Timestamp,
    expires_at: Timestamp,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "DELETE FROM idempotency_keys WHERE key IN (
             SELECT key FROM idempotency_keys WHERE expires_at_ms <= ?
             ORDER BY expires_at_ms LIMIT ?)
         OR key = ?",
    )?
    .execute(params![Ms(now), CLEARED_PER_INSERT, key])?;
    tx.prepare_cached(
        "INSERT INTO idempotency_keys
             (key, fingerprint, status, body, refuse_resend, expires_at_ms)
         VALUES (?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        key,
        record.fingerprint,
        record.status,
        record.body,
        record.refuse_resend,
        Ms(expires_at),
    ])?;
    Ok(())
}

/// The next resend gets the stored answer.
pub(crate) fn stop_refusing(tx: &Connection, key: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE idempotency_keys SET refuse_resend = 0 WHERE key = ?")?
        .execute([key])?;
    Ok(())
}
