//! What was written before money moved is not rewritten afterwards.

use ledger::guard::Guard;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::run;
use crate::domain::{product::ProductState, state::Machine as _};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &[], &guards()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Tables whose rows stay, with the columns that keep what they were written with.
const KEPT: [(&str, &str); 6] = [
    ("settlement", "UPDATE OF id, merchant_id, currency, total_minor, lines_count, created_at"),
    (
        "settlement_attempt",
        "UPDATE OF provider_ref, settlement_id, number, merchant_id, amount_minor, currency, \
         destination, created_at",
    ),
    ("settlement_line", "UPDATE OF id, merchant_id, currency, kind, amount_minor, created_at"),
    (
        "unmatched_transfer",
        "UPDATE OF provider_id, id, provider_ref, amount_minor, currency, found_at",
    ),
    ("provider_event", "UPDATE OF id, object_id, reference, received_at"),
    ("alert", "UPDATE OF id, kind, subject"),
];

pub(super) fn guards() -> Vec<Guard> {
    let kept = KEPT.iter().flat_map(|(table, event)| {
        let guard = |name: &str, event, reason: String| Guard {
            name: format!("{table}_{name}"),
            table: (*table).to_owned(),
            event,
            when: None,
            reason,
        };
        [
            guard("keeps_terms", *event, format!("{table} keeps what it was written with")),
            guard("no_delete", "DELETE", format!("rows of {table} are kept")),
        ]
    });
    kept.chain(ProductState::guards("product")).collect()
}
