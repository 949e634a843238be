//! Top-ups, and what was seen of the payment provider.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::{append_only, one_of, run};
use crate::domain::top_up::TopUpState;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro reads the elided form alone")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let state = one_of::<TopUpState>("state");
        run(manager, &[
            format!(
                "CREATE TABLE top_up (
                id {{uuid}} NOT NULL,
                host_id {{uuid}} NOT NULL,
                amount_minor {{bigint}} NOT NULL,
                currency TEXT NOT NULL,
                state TEXT NOT NULL,
                checkout_request TEXT NOT NULL,
                checkout_id TEXT,
                checkout_url TEXT,
                created_at {{bigint}} NOT NULL,
                changed_at {{bigint}} NOT NULL,
                CONSTRAINT top_up_pk PRIMARY KEY (id),
                CONSTRAINT top_up_host FOREIGN KEY (host_id) REFERENCES host (id),
                CONSTRAINT top_up_amount CHECK (amount_minor > 0),
                CONSTRAINT top_up_state CHECK ({state})
            ) {{strict}}"
            ),
            "CREATE INDEX top_up_of_host ON top_up (host_id, currency)".to_owned(),
            // One row per payment that was posted: the reason why none is credited twice.
            "CREATE TABLE provider_payment (
                payment_id TEXT NOT NULL,
                top_up_id {uuid},
                gross_minor {bigint} NOT NULL,
                cost_minor {bigint} NOT NULL,
                currency TEXT NOT NULL,
                posted_at {bigint} NOT NULL,
                CONSTRAINT provider_payment_pk PRIMARY KEY (payment_id),
                CONSTRAINT provider_payment_top_up FOREIGN KEY (top_up_id) REFERENCES top_up (id),
                CONSTRAINT provider_payment_amounts
                    CHECK (gross_minor > 0 AND 0 <= cost_minor AND cost_minor <= gross_minor)
            ) {strict}"
                .to_owned(),
            // Events of the provider, each once, for ever.
            "CREATE TABLE provider_inbox (
                event_id TEXT NOT NULL,
                kind TEXT NOT NULL,
                object_id TEXT NOT NULL,
                received_at {bigint} NOT NULL,
                handled_at {bigint},
                CONSTRAINT provider_inbox_pk PRIMARY KEY (event_id)
            ) {strict}"
                .to_owned(),
            "CREATE INDEX provider_inbox_waiting ON provider_inbox (received_at) WHERE handled_at IS NULL"
                .to_owned(),
            // How far a sweep has read the provider's list.
            "CREATE TABLE sweep_cursor (
                name TEXT NOT NULL,
                position TEXT NOT NULL,
                CONSTRAINT sweep_cursor_pk PRIMARY KEY (name)
            ) {strict}"
                .to_owned(),
        ])
        .await?;
        append_only(manager, "provider_payment").await
    }
}
