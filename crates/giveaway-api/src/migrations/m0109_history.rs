//! What was written before money moved is not rewritten afterwards.

use ledger::guard::{self, Guard};
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro reads the elided form alone")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        guard::install(manager, &guards()).await
    }
}

/// Tables whose rows stay, with the columns that keep what they were written with.
const KEPT: [(&str, &str); 6] = [
    ("saga", "UPDATE OF id, giveaway_id, host_id, amount_minor, currency, deadline_at, created_at"),
    (
        "saga_batch",
        "UPDATE OF id, saga_id, number, reserve_request, confirm_request, cancel_request",
    ),
    ("escrow_return", "UPDATE OF escrow_id, unit_id, giveaway_id, reason, requested_at"),
    ("top_up", "UPDATE OF id, host_id, amount_minor, currency, checkout_request, created_at"),
    ("winner", "UPDATE OF id, giveaway_id, unit_id, entry_id, leaf_id, rank, selected_at"),
    ("provider_inbox", "UPDATE OF event_id, kind, object_id, received_at"),
];

/// The guards of those tables.
pub(super) fn guards() -> Vec<Guard> {
    KEPT.iter().flat_map(|(table, event)| keeps(table, event)).collect()
}

/// The guards of one table whose rows stay, with the columns that `event` names.
pub(super) fn keeps(table: &str, event: &'static str) -> [Guard; 2] {
    let guard = |name: &str, event, reason: String| Guard {
        name: format!("{table}_{name}"),
        table: table.to_owned(),
        event,
        when: None,
        reason,
    };
    [
        guard("keeps_terms", event, format!("{table} keeps what it was written with")),
        guard("no_delete", "DELETE", format!("rows of {table} are kept")),
    ]
}
