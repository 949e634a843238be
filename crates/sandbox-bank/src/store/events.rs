//! Events and their deliveries to the webhook endpoints.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::Ms;

/// One delivery of one event to one endpoint.
pub(crate) struct Delivery {
    pub(crate) id: i64,
    pub(crate) body: String,
    pub(crate) attempts: u32,
    pub(crate) due_at: Timestamp,
    pub(crate) event_created_at: Timestamp,
}

/// Writes an event down. Its body is kept as the bytes that are signed and sent.
pub(crate) fn insert(
    tx: &Connection,
    id: &str,
    object_id: &str,
    body: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO events (id, object_id, body, created_at_ms) VALUES (?, ?, ?, ?)",
    )?
    .execute(params![id, object_id, body, Ms(now)])?;
    Ok(())
}

/// Writes a delivery down. One that `yields_to_next` is due at once when a later delivery to the
/// same endpoint has succeeded.
pub(crate) fn insert_delivery(
    tx: &Connection,
    event_id: &str,
    endpoint: u32,
    due_at: Timestamp,
    yields_to_next: bool,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO deliveries (event_id, endpoint, state, due_at_ms, yields_to_next)
         VALUES (?, ?, 'waiting', ?, ?)",
    )?
    .execute(params![event_id, endpoint, Ms(due_at), yields_to_next])?;
    Ok(())
}

/// The delivery to `endpoint` that is due first; of several, the oldest.
pub(crate) fn next(tx: &Connection, endpoint: u32) -> rusqlite::Result<Option<Delivery>> {
    tx.prepare_cached(
        "SELECT d.id, e.body, d.attempts, d.due_at_ms, e.created_at_ms
         FROM deliveries d JOIN events e ON e.id = d.event_id
         WHERE d.endpoint = ? AND d.state = 'waiting'
         ORDER BY d.due_at_ms, d.id LIMIT 1",
    )?
    .query_row([endpoint], |row| {
        Ok(Delivery {
            id: row.get(0)?,
            body: row.get(1)?,
            attempts: row.get(2)?,
            due_at: row.get::<_, Ms>(3)?.0,
            event_created_at: row.get::<_, Ms>(4)?.0,
        })
    })
    .optional()
}

/// The endpoint accepted it; what yielded to it is due now.
pub(crate) fn delivered(
    tx: &Connection,
    id: i64,
    endpoint: u32,
    now: Timestamp,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE deliveries SET state = 'delivered', attempts = attempts + 1, last_error = NULL
         WHERE id = ?",
    )?
    .execute([id])?;
    tx.prepare_cached(
        "UPDATE deliveries SET due_at_ms = ?, yields_to_next = 0
         WHERE endpoint = ? AND state = 'waiting' AND yields_to_next = 1 AND id < ?",
    )?
    .execute(params![Ms(now), endpoint, id])?;
    Ok(())
}

/// The endpoint did not accept it; it is due again at `due_at`, or given up.
pub(crate) fn failed(
    tx: &Connection,
    id: i64,
    due_at: Option<Timestamp>,
    error: &str,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE deliveries
         SET attempts = attempts + 1, last_error = ?1, due_at_ms = coalesce(?2, due_at_ms),
             state = iif(?2 IS NULL, 'given_up', 'waiting')
         WHERE id = ?3",
    )?
    .execute(params![error, due_at.map(Ms), id])?;
    Ok(())
}

/// What was held back about an object is due now.
pub(crate) fn release(tx: &Connection, object_id: &str, now: Timestamp) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE deliveries SET due_at_ms = min(due_at_ms, ?)
         WHERE state = 'waiting' AND attempts = 0
           AND event_id IN (SELECT id FROM events WHERE object_id = ?)",
    )?
    .execute(params![Ms(now), object_id])?;
    Ok(())
}
