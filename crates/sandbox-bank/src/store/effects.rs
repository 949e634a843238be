//! The append-only log, and the balances that follow from it.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::columns::Ms;

/// Something that really happened.
pub(crate) struct NewEffect<'a> {
    pub(crate) kind: &'static str,
    pub(crate) object_id: &'a str,
    pub(crate) reference: &'a str,
    pub(crate) amount_minor: i64,
    pub(crate) cost_minor: i64,
    pub(crate) currency: &'a str,
    pub(crate) destination: Option<&'a str>,
}

/// An entry of the log as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct Effect {
    pub(crate) seq: i64,
    pub(crate) at: Timestamp,
    pub(crate) kind: String,
    pub(crate) object_id: String,
    pub(crate) reference: String,
    pub(crate) amount_minor: i64,
    pub(crate) cost_minor: i64,
    pub(crate) currency: String,
    pub(crate) destination: Option<String>,
}

/// What one destination has received in one currency.
#[derive(Debug, Serialize)]
pub(crate) struct Balance {
    pub(crate) destination: String,
    pub(crate) currency: String,
    pub(crate) paid_minor: i64,
    pub(crate) reversed_minor: i64,
    pub(crate) balance_minor: i64,
}

/// What the account of the bank's customer holds in one currency.
#[derive(Debug, Serialize)]
pub(crate) struct Account {
    pub(crate) currency: String,
    pub(crate) paid_in_minor: i64,
    pub(crate) costs_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) charged_back_minor: i64,
    pub(crate) paid_out_minor: i64,
    pub(crate) balance_minor: i64,
}

/// Appends an entry and gives its number, which is larger than every one before.
pub(crate) fn append(
    tx: &Connection,
    effect: &NewEffect<'_>,
    now: Timestamp,
) -> rusqlite::Result<i64> {
    tx.prepare_cached(
        "INSERT INTO effects
             (at_ms, kind, object_id, reference, amount_minor, cost_minor, currency, destination)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        Ms(now),
        effect.kind,
        effect.object_id,
        effect.reference,
        effect.amount_minor,
        effect.cost_minor,
        effect.currency,
        effect.destination,
    ])?;
    Ok(tx.last_insert_rowid())
}

/// Entries after number `after`, oldest first.
pub(crate) fn list(
    tx: &Connection,
    after: i64,
    limit: u32,
) -> rusqlite::Result<Vec<(i64, Effect)>> {
    tx.prepare_cached(
        "SELECT seq, at_ms, kind, object_id, reference, amount_minor, cost_minor, currency,
                destination
         FROM effects WHERE seq > ? ORDER BY seq LIMIT ?",
    )?
    .query_map(params![after, limit], |row| Ok((row.get(0)?, effect(row)?)))?
    .collect()
}

/// Balances in the order of destination and currency, after that pair.
pub(crate) fn balances(
    tx: &Connection,
    destination: Option<&str>,
    after: (&str, &str),
    limit: u32,
) -> rusqlite::Result<Vec<Balance>> {
    tx.prepare_cached(
        "SELECT destination, currency,
                SUM(iif(kind = 'transfer.paid', amount_minor, 0)),
                SUM(iif(kind = 'transfer.reversed', amount_minor, 0))
         FROM effects
         WHERE destination IS NOT NULL AND (?1 IS NULL OR destination = ?1)
           AND (destination, currency) > (?2, ?3)
         GROUP BY destination, currency ORDER BY destination, currency LIMIT ?4",
    )?
    .query_map(params![destination, after.0, after.1, limit], |row| {
        let (paid_minor, reversed_minor): (i64, i64) = (row.get(2)?, row.get(3)?);
        Ok(Balance {
            destination: row.get(0)?,
            currency: row.get(1)?,
            paid_minor,
            reversed_minor,
            balance_minor: paid_minor - reversed_minor,
        })
    })?
    .collect()
}

/// The account of the bank's customer, one row per currency.
pub(crate) fn account(tx: &Connection) -> rusqlite::Result<Vec<Account>> {
    tx.prepare_cached(
        "SELECT currency,
                SUM(iif(kind = 'payment.paid', amount_minor, 0)),
                SUM(iif(kind = 'payment.paid', cost_minor, 0)),
                SUM(iif(kind = 'refund.paid', amount_minor, 0)),
                SUM(iif(kind = 'payment.charged_back', amount_minor, 0)),
                SUM(iif(kind = 'transfer.paid', amount_minor, 0))
                    - SUM(iif(kind = 'transfer.reversed', amount_minor, 0))
         FROM effects GROUP BY currency ORDER BY currency",
    )?
    .query_map([], |row| {
        let (paid_in_minor, costs_minor, refunded_minor, charged_back_minor, paid_out_minor): (
            i64,
            i64,
            i64,
            i64,
            i64,
        ) = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
        Ok(Account {
            currency: row.get(0)?,
            paid_in_minor,
            costs_minor,
            refunded_minor,
            charged_back_minor,
            paid_out_minor,
            balance_minor: paid_in_minor
                - costs_minor
                - refunded_minor
                - charged_back_minor
                - paid_out_minor,
        })
    })?
    .collect()
}

fn effect(row: &Row<'_>) -> rusqlite::Result<Effect> {
    Ok(Effect {
        seq: row.get("seq")?,
        at: row.get::<_, Ms>("at_ms")?.0,
        kind: row.get("kind")?,
        object_id: row.get("object_id")?,
        reference: row.get("reference")?,
        amount_minor: row.get("amount_minor")?,
        cost_minor: row.get("cost_minor")?,
        currency: row.get("currency")?,
        destination: row.get("destination")?,
    })
}
