//! Turns something that happened into an event for every webhook endpoint.

use serde::Serialize;
use serde_json::json;

use super::UnitOfWork;
use crate::domain::fault::{Class, Fault, Target};
use crate::domain::{later, new_id};
use crate::store::events;
use crate::store::faults::Struck;

/// How long a reordered webhook waits for another one to overtake it. It must arrive even when
/// none comes.
const REORDER_LIMIT_MS: u32 = 5_000;

/// Writes the event `kind` about `object` and its deliveries down.
pub(super) fn announce(
    unit: &UnitOfWork<'_>,
    target: Target,
    kind: &str,
    object_id: &str,
    object: &impl Serialize,
) -> rusqlite::Result<()> {
    let endpoints = u32::try_from(unit.config.webhook_urls.len()).unwrap_or(u32::MAX);
    if endpoints == 0 {
        return Ok(());
    }
    let id = new_id("evt");
    let body = json!({"id": id, "type": kind, "created_at": unit.now, "data": object}).to_string();
    events::insert(unit.tx, &id, object_id, &body, unit.now)?;

    let struck = unit.take_fault(Class::Delivery, target)?;
    let visible_at = unit.hidden_until.unwrap_or(unit.now);
    let (copies, due_at, yields_to_next) = match struck {
        Some(Struck { fault: Fault::DuplicateWebhook, .. }) => (2, visible_at, false),
        Some(Struck { fault: Fault::ReorderWebhook, delay_ms }) => {
            (1, later(visible_at, delay_ms.unwrap_or(REORDER_LIMIT_MS)), true)
        }
        _ => (1, visible_at, false),
    };
    for endpoint in 0..endpoints {
        for _ in 0..copies {
            events::insert_delivery(unit.tx, &id, endpoint, due_at, yields_to_next)?;
        }
    }
    Ok(())
}
