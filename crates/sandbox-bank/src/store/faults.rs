//! Ordered faults that are not used up.

use rusqlite::{Connection, Row, params};

use super::columns::Name;
use crate::domain::fault::{Class, Fault, FaultOrder, Target};

/// Orders at once. A campaign needs dozens; each request reads them all.
const MAX_ORDERS: u32 = 1_000;

/// A fault that strikes now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Struck {
    pub(crate) fault: Fault,
    pub(crate) delay_ms: Option<u32>,
}

/// Writes an order down; `false` when there are too many already.
pub(crate) fn order(tx: &Connection, order: &FaultOrder) -> rusqlite::Result<bool> {
    let written = tx
        .prepare_cached(
            "INSERT INTO faults (fault, target, remaining, delay_ms)
             SELECT ?, ?, ?, ? WHERE (SELECT count(*) FROM faults) < ?",
        )?
        .execute(params![
            Name(order.fault),
            order.on.map(Name),
            order.count,
            order.delay_ms,
            MAX_ORDERS,
        ])?;
    Ok(written == 1)
}

/// What is still to strike, oldest first; `count` is how often yet.
pub(crate) fn list(tx: &Connection) -> rusqlite::Result<Vec<FaultOrder>> {
    Ok(rows(tx)?.into_iter().map(|(_, order)| order).collect())
}

/// Forgets all orders.
pub(crate) fn clear(tx: &Connection) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM faults", [])?;
    Ok(())
}

/// Whether something strikes this occasion, without using it up.
pub(crate) fn is_ordered(tx: &Connection, class: Class, target: Target) -> rusqlite::Result<bool> {
    Ok(rows(tx)?.iter().any(|(_, order)| order.strikes(class, target)))
}

/// The oldest order that strikes this occasion, used once.
pub(crate) fn take(
    tx: &Connection,
    class: Class,
    target: Target,
) -> rusqlite::Result<Option<Struck>> {
    let Some((id, order)) = rows(tx)?.into_iter().find(|(_, order)| order.strikes(class, target))
    else {
        return Ok(None);
    };
    if order.count > 1 {
        tx.execute("UPDATE faults SET remaining = remaining - 1 WHERE id = ?", [id])?;
    } else {
        tx.execute("DELETE FROM faults WHERE id = ?", [id])?;
    }
    Ok(Some(Struck { fault: order.fault, delay_ms: order.delay_ms }))
}

fn rows(tx: &Connection) -> rusqlite::Result<Vec<(i64, FaultOrder)>> {
    tx.prepare_cached("SELECT id, fault, target, remaining, delay_ms FROM faults ORDER BY id")?
        .query_map([], |row| Ok((row.get("id")?, fault_order(row)?)))?
        .collect()
}

fn fault_order(row: &Row<'_>) -> rusqlite::Result<FaultOrder> {
    Ok(FaultOrder {
        fault: row.get::<_, Name<_>>("fault")?.0,
        count: row.get("remaining")?,
        on: row.get::<_, Option<Name<_>>>("target")?.map(|name| name.0),
        delay_ms: row.get("delay_ms")?,
    })
}
