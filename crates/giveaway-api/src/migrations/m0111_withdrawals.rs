//! Money that leaves wallets: where to, each withdrawal, and transfers that none explains.

use ledger::guard::{self, Guard};
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::{append_only, one_of, run};
use crate::domain::{states::guards, withdrawal::WithdrawalState};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro reads the elided form alone")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let state = one_of::<WithdrawalState>("state");
        run(
            manager,
            &[
                // A host whose last transfer is not explained gets no further one.
                "ALTER TABLE host ADD COLUMN payouts_blocked_at {bigint}".to_owned(),
                // Every destination that a host ever named: the one in force is the newest whose time came.
                "CREATE TABLE payout_destination (
                id {uuid} NOT NULL,
                host_id {uuid} NOT NULL,
                destination TEXT NOT NULL,
                usable_from {bigint} NOT NULL,
                named_at {bigint} NOT NULL,
                CONSTRAINT payout_destination_pk PRIMARY KEY (id),
                CONSTRAINT payout_destination_host FOREIGN KEY (host_id) REFERENCES host (id),
                CONSTRAINT payout_destination_times CHECK (named_at <= usable_from)
            ) {strict}"
                    .to_owned(),
                "CREATE INDEX payout_destination_of_host ON payout_destination (host_id, named_at)"
                    .to_owned(),
                // The hold of the money has the withdrawal's id. `claims` fences what an earlier claim
                // concluded; `possible_sends` counts sends that may have reached the provider.
                format!(
                    "CREATE TABLE withdrawal (
                id {{uuid}} NOT NULL,
                host_id {{uuid}} NOT NULL,
                amount_minor {{bigint}} NOT NULL,
                currency TEXT NOT NULL,
                destination TEXT NOT NULL,
                provider_ref TEXT NOT NULL,
                state TEXT NOT NULL,
                claims {{int}} NOT NULL,
                possible_sends {{int}} NOT NULL,
                tries {{int}} NOT NULL,
                due_at {{bigint}} NOT NULL,
                first_sent_at {{bigint}},
                provider_id TEXT,
                failure_code TEXT,
                note TEXT,
                needs_operator {{bool}} NOT NULL,
                listed_at {{bigint}},
                created_at {{bigint}} NOT NULL,
                changed_at {{bigint}} NOT NULL,
                CONSTRAINT withdrawal_pk PRIMARY KEY (id),
                CONSTRAINT withdrawal_reference UNIQUE (provider_ref),
                CONSTRAINT withdrawal_provider_id UNIQUE (provider_id),
                CONSTRAINT withdrawal_host FOREIGN KEY (host_id) REFERENCES host (id),
                CONSTRAINT withdrawal_amount CHECK (amount_minor > 0),
                CONSTRAINT withdrawal_sends CHECK (possible_sends >= 0),
                CONSTRAINT withdrawal_paid_by CHECK
                    (state NOT IN ('paid', 'reversed') OR provider_id IS NOT NULL),
                CONSTRAINT withdrawal_state CHECK ({state})
            ) {{strict}}"
                ),
                "CREATE INDEX withdrawal_of_host ON withdrawal (host_id, created_at)".to_owned(),
                "CREATE INDEX withdrawal_due ON withdrawal (due_at) \
             WHERE state IN ('intent', 'sending', 'pending_provider')"
                    .to_owned(),
                "CREATE INDEX withdrawal_unlisted ON withdrawal (changed_at) \
             WHERE state IN ('paid', 'reversed') AND listed_at IS NULL"
                    .to_owned(),
                // Money that left under a reference of ours which explains no such transfer.
                "CREATE TABLE provider_transfer_unmatched (
                provider_id TEXT NOT NULL,
                provider_ref TEXT NOT NULL,
                amount_minor {bigint} NOT NULL,
                currency TEXT NOT NULL,
                reason TEXT NOT NULL,
                found_at {bigint} NOT NULL,
                CONSTRAINT provider_transfer_unmatched_pk PRIMARY KEY (provider_id),
                CONSTRAINT provider_transfer_unmatched_amount CHECK (amount_minor > 0)
            ) {strict}"
                    .to_owned(),
                "CREATE TABLE provider_transfer_returned (
                provider_id TEXT NOT NULL,
                returned_at {bigint} NOT NULL,
                CONSTRAINT provider_transfer_returned_pk PRIMARY KEY (provider_id),
                CONSTRAINT provider_transfer_returned_of FOREIGN KEY (provider_id)
                    REFERENCES provider_transfer_unmatched (provider_id)
            ) {strict}"
                    .to_owned(),
            ],
        )
        .await?;
        for table in
            ["payout_destination", "provider_transfer_unmatched", "provider_transfer_returned"]
        {
            append_only(manager, table).await?;
        }
        guard::install(manager, &kept()).await
    }
}

/// The guards of withdrawals: their machine, and the terms that every send must repeat.
pub(super) fn kept() -> Vec<Guard> {
    let mut all = guards::<WithdrawalState>("withdrawal").to_vec();
    all.extend(super::m0109_history::keeps(
        "withdrawal",
        "UPDATE OF id, host_id, amount_minor, currency, destination, provider_ref, created_at",
    ));
    all
}
