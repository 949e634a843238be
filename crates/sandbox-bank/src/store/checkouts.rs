//! Checkouts. Their status follows from their payment, so it is no column.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::{Ms, Name};
use crate::domain::checkout::{Checkout, CheckoutStatus};
use crate::domain::payment::PaymentStatus;

/// A checkout to write down.
pub(crate) struct NewCheckout {
    pub(crate) id: String,
    pub(crate) reference: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) description: Option<String>,
    pub(crate) return_url: Option<String>,
}

/// Writes a new checkout down.
pub(crate) fn insert(tx: &Connection, new: &NewCheckout, now: Timestamp) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO checkouts
             (id, reference, amount_minor, currency, description, return_url, created_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        new.id,
        new.reference,
        new.amount_minor,
        new.currency,
        new.description,
        new.return_url,
        Ms(now),
    ])?;
    Ok(())
}

/// The checkout with this id as it stands now; `public_url` is where its page is.
pub(crate) fn get(
    tx: &Connection,
    id: &str,
    public_url: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<Checkout>> {
    tx.prepare_cached(
        "SELECT c.id, c.reference, c.amount_minor, c.currency, c.description, c.return_url,
                c.created_at_ms, p.id AS payment_id, p.status
         FROM checkouts c LEFT JOIN payments p ON p.checkout_id = c.id
         WHERE c.id = ?",
    )?
    .query_row([id], |row| {
        let status = row.get::<_, Option<Name<PaymentStatus>>>("status")?;
        let created_at = row.get::<_, Ms>("created_at_ms")?.0;
        Ok(Checkout {
            id: row.get("id")?,
            url: format!("{}/pay/{id}", public_url.trim_end_matches('/')),
            status: CheckoutStatus::of(status.map(|name| name.0), now.duration_since(created_at)),
            reference: row.get("reference")?,
            amount_minor: row.get("amount_minor")?,
            currency: row.get("currency")?,
            description: row.get("description")?,
            return_url: row.get("return_url")?,
            payment_id: row.get("payment_id")?,
            created_at,
        })
    })
    .optional()
}
