//! Settlements, their lines and attempts, and what the provider moved without us.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::{CURRENCY, run, states};
use crate::domain::settlement::{AttemptState, LineKind, SettlementState};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let kinds = LineKind::ALL.map(|kind| format!("'{}'", kind.as_str())).join(", ");
        let settlement_state = states::<SettlementState>();
        let attempt_state = states::<AttemptState>();
        let statements = [
            format!(
                "CREATE TABLE settlement (
                id {{uuid}} NOT NULL,
                merchant_id {{uuid}} NOT NULL,
                currency TEXT NOT NULL,
                total_minor {{bigint}} NOT NULL,
                lines_count {{bigint}} NOT NULL,
                attempt {{int}} NOT NULL,
                state TEXT NOT NULL,
                created_at {{bigint}} NOT NULL,
                changed_at {{bigint}} NOT NULL,
                CONSTRAINT settlement_pk PRIMARY KEY (id),
                CONSTRAINT settlement_merchant FOREIGN KEY (merchant_id) REFERENCES merchant (id),
                CONSTRAINT settlement_currency CHECK ({CURRENCY}),
                CONSTRAINT settlement_total CHECK (total_minor > 0),
                CONSTRAINT settlement_state CHECK ({settlement_state})
            ) {{strict}}"
            ),
            "CREATE INDEX settlement_of_merchant ON settlement (merchant_id, id)".to_owned(),
            // One settlement of a merchant and currency at a time: a second would race for the money.
            "CREATE UNIQUE INDEX settlement_open ON settlement (merchant_id, currency)
                WHERE state IN ('intent', 'sending', 'pending_provider', 'failed')"
                .to_owned(),
            format!(
                "CREATE TABLE settlement_line (
                id {{uuid}} NOT NULL,
                merchant_id {{uuid}} NOT NULL,
                currency TEXT NOT NULL,
                kind TEXT NOT NULL,
                amount_minor {{bigint}} NOT NULL,
                settlement_id {{uuid}},
                created_at {{bigint}} NOT NULL,
                CONSTRAINT settlement_line_once PRIMARY KEY (id),
                CONSTRAINT settlement_line_settlement FOREIGN KEY (settlement_id)
                    REFERENCES settlement (id),
                CONSTRAINT settlement_line_currency CHECK ({CURRENCY}),
                CONSTRAINT settlement_line_kind CHECK (kind IN ({kinds})),
                CONSTRAINT settlement_line_sign CHECK (
                    (kind = 'reversal' AND amount_minor < 0)
                    OR (kind <> 'reversal' AND amount_minor > 0))
            ) {{strict}}"
            ),
            "CREATE INDEX settlement_line_waiting ON settlement_line (merchant_id, currency)
                WHERE settlement_id IS NULL"
                .to_owned(),
            "CREATE INDEX settlement_line_of ON settlement_line (settlement_id, id)".to_owned(),
            format!(
                "CREATE TABLE settlement_attempt (
                provider_ref TEXT NOT NULL,
                settlement_id {{uuid}} NOT NULL,
                number {{int}} NOT NULL,
                merchant_id {{uuid}} NOT NULL,
                amount_minor {{bigint}} NOT NULL,
                currency TEXT NOT NULL,
                destination TEXT NOT NULL,
                state TEXT NOT NULL,
                claims {{int}} NOT NULL,
                possible_sends {{int}} NOT NULL,
                tries {{int}} NOT NULL,
                due_at {{bigint}} NOT NULL,
                first_sent_at {{bigint}},
                provider_id TEXT,
                failure_code TEXT,
                note TEXT,
                listed_at {{bigint}},
                created_at {{bigint}} NOT NULL,
                changed_at {{bigint}} NOT NULL,
                CONSTRAINT settlement_attempt_pk PRIMARY KEY (provider_ref),
                CONSTRAINT settlement_attempt_number UNIQUE (settlement_id, number),
                CONSTRAINT settlement_attempt_provider_id UNIQUE (provider_id),
                CONSTRAINT settlement_attempt_settlement FOREIGN KEY (settlement_id)
                    REFERENCES settlement (id),
                CONSTRAINT settlement_attempt_currency CHECK ({CURRENCY}),
                CONSTRAINT settlement_attempt_amount CHECK (amount_minor > 0),
                CONSTRAINT settlement_attempt_sends CHECK (possible_sends >= 0),
                CONSTRAINT settlement_attempt_state CHECK ({attempt_state}),
                CONSTRAINT settlement_attempt_paid CHECK (
                    state NOT IN ('paid', 'reversed') OR provider_id IS NOT NULL)
            ) {{strict}}"
            ),
            "CREATE INDEX settlement_attempt_due ON settlement_attempt (due_at)
                WHERE state IN ('intent', 'sending', 'pending_provider')"
                .to_owned(),
            "CREATE INDEX settlement_attempt_unlisted ON settlement_attempt (changed_at)
                WHERE listed_at IS NULL"
                .to_owned(),
            format!(
                "CREATE TABLE unmatched_transfer (
                provider_id TEXT NOT NULL,
                id {{uuid}} NOT NULL,
                provider_ref TEXT NOT NULL,
                merchant_id {{uuid}},
                amount_minor {{bigint}} NOT NULL,
                currency TEXT NOT NULL,
                reason TEXT NOT NULL,
                found_at {{bigint}} NOT NULL,
                reversed_at {{bigint}},
                CONSTRAINT unmatched_transfer_once PRIMARY KEY (provider_id),
                CONSTRAINT unmatched_transfer_id UNIQUE (id),
                CONSTRAINT unmatched_transfer_currency CHECK ({CURRENCY})
            ) {{strict}}"
            ),
        ];
        run(manager, &statements, &[]).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
