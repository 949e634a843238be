//! Publish sagas, and returns of escrows.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::{append_only, one_of, run};
use crate::domain::{
    giveaway::ReturnState,
    saga::{BatchState, SagaState},
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro reads the elided form alone")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let saga_state = one_of::<SagaState>("state");
        let batch_state = one_of::<BatchState>("state");
        let return_state = one_of::<ReturnState>("state");
        run(manager, &[
            // The hold of the money has the saga's id. The fence grows with every lease, and whoever
            // writes under an older one is not heard.
            format!(
                "CREATE TABLE saga (
                id {{uuid}} NOT NULL,
                giveaway_id {{uuid}} NOT NULL,
                host_id {{uuid}} NOT NULL,
                state TEXT NOT NULL,
                draft_opens_at {{bigint}},
                amount_minor {{bigint}} NOT NULL,
                currency TEXT NOT NULL,
                reason TEXT,
                deadline_at {{bigint}} NOT NULL,
                next_at {{bigint}} NOT NULL,
                turns {{int}} NOT NULL,
                lease_until {{bigint}} NOT NULL,
                fence {{bigint}} NOT NULL,
                needs_operator {{bool}} NOT NULL,
                created_at {{bigint}} NOT NULL,
                changed_at {{bigint}} NOT NULL,
                CONSTRAINT saga_pk PRIMARY KEY (id),
                CONSTRAINT saga_giveaway FOREIGN KEY (giveaway_id) REFERENCES giveaway (id),
                CONSTRAINT saga_amount CHECK (amount_minor > 0),
                CONSTRAINT saga_state CHECK ({saga_state})
            ) {{strict}}"
            ),
            "CREATE INDEX saga_of_giveaway ON saga (giveaway_id)".to_owned(),
            "CREATE INDEX saga_alive ON saga (next_at) WHERE state NOT IN ('confirmed', 'compensated')"
                .to_owned(),
            format!(
                "CREATE TABLE saga_batch (
                id {{uuid}} NOT NULL,
                saga_id {{uuid}} NOT NULL,
                number {{int}} NOT NULL,
                state TEXT NOT NULL,
                reserve_request {{bytes}} NOT NULL,
                confirm_request {{bytes}} NOT NULL,
                cancel_request {{bytes}} NOT NULL,
                note TEXT,
                CONSTRAINT saga_batch_pk PRIMARY KEY (id),
                CONSTRAINT saga_batch_saga FOREIGN KEY (saga_id) REFERENCES saga (id),
                CONSTRAINT saga_batch_number UNIQUE (saga_id, number),
                CONSTRAINT saga_batch_state CHECK ({batch_state})
            ) {{strict}}"
            ),
            "CREATE TABLE saga_item (
                escrow_id {uuid} NOT NULL,
                batch_id {uuid} NOT NULL,
                saga_id {uuid} NOT NULL,
                unit_id {uuid} NOT NULL,
                product_id {uuid} NOT NULL,
                value_minor {bigint} NOT NULL,
                CONSTRAINT saga_item_pk PRIMARY KEY (escrow_id),
                CONSTRAINT saga_item_batch FOREIGN KEY (batch_id) REFERENCES saga_batch (id),
                CONSTRAINT saga_item_value CHECK (value_minor > 0)
            ) {strict}"
                .to_owned(),
            "CREATE INDEX saga_item_of_saga ON saga_item (saga_id)".to_owned(),
            format!(
                "CREATE TABLE escrow_return (
                escrow_id {{uuid}} NOT NULL,
                unit_id {{uuid}} NOT NULL,
                giveaway_id {{uuid}} NOT NULL,
                state TEXT NOT NULL,
                reason TEXT NOT NULL,
                requested_at {{bigint}} NOT NULL,
                answered_at {{bigint}},
                CONSTRAINT escrow_return_pk PRIMARY KEY (escrow_id),
                CONSTRAINT escrow_return_giveaway FOREIGN KEY (giveaway_id) REFERENCES giveaway (id),
                CONSTRAINT escrow_return_state CHECK ({return_state})
            ) {{strict}}"
            ),
            "CREATE INDEX escrow_return_of_giveaway ON escrow_return (giveaway_id)".to_owned(),
        ])
        .await?;
        append_only(manager, "saga_item").await
    }
}
