//! What the operator did and why, and payments that were nobody's until the operator said whose.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::{append_only, run};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro reads the elided form alone")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            &[
                "CREATE TABLE operator_action (
                id {uuid} NOT NULL,
                actor TEXT NOT NULL,
                action TEXT NOT NULL,
                subject TEXT NOT NULL,
                note TEXT NOT NULL,
                at {bigint} NOT NULL,
                CONSTRAINT operator_action_pk PRIMARY KEY (id),
                CONSTRAINT operator_action_note CHECK (length(note) BETWEEN 1 AND 500)
            ) {strict}"
                    .to_owned(),
                "CREATE INDEX operator_action_of ON operator_action (subject, id)".to_owned(),
                // One host per payment: the reason why none is assigned twice.
                "CREATE TABLE payment_assignment (
                payment_id TEXT NOT NULL,
                host_id {uuid} NOT NULL,
                amount_minor {bigint} NOT NULL,
                currency TEXT NOT NULL,
                assigned_at {bigint} NOT NULL,
                CONSTRAINT payment_assignment_pk PRIMARY KEY (payment_id),
                CONSTRAINT payment_assignment_payment FOREIGN KEY (payment_id)
                    REFERENCES provider_payment (payment_id),
                CONSTRAINT payment_assignment_host FOREIGN KEY (host_id) REFERENCES host (id),
                CONSTRAINT payment_assignment_amount CHECK (amount_minor > 0)
            ) {strict}"
                    .to_owned(),
                "CREATE INDEX payment_assignment_of_host ON payment_assignment (host_id)"
                    .to_owned(),
                "CREATE INDEX provider_payment_unmatched ON provider_payment (posted_at)
                    WHERE top_up_id IS NULL"
                    .to_owned(),
            ],
        )
        .await?;
        append_only(manager, "operator_action").await?;
        append_only(manager, "payment_assignment").await
    }
}
