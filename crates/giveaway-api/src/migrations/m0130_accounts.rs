//! Accounts, what they may do, who is signed in, and what was done.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::{append_only, one_of, run};
use crate::domain::role::Role;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro reads the elided form alone")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let role = one_of::<Role>("role");
        run(
            manager,
            &[
                // `person` is the canonical address, by which nobody has two accounts; mail goes to
                // `mailbox`. `credentials` counts changes of the password and the address' proof: mailed
                // links are bound to it, so that each works once.
                "CREATE TABLE account (
                id {uuid} NOT NULL,
                person TEXT NOT NULL,
                mailbox TEXT NOT NULL,
                name TEXT NOT NULL,
                password TEXT NOT NULL,
                credentials {int} NOT NULL,
                verified_at {bigint},
                totp_sealed {bytes},
                totp_key_id TEXT,
                totp_since {bigint},
                totp_last_step {bigint} NOT NULL,
                created_at {bigint} NOT NULL,
                disabled_at {bigint},
                CONSTRAINT account_pk PRIMARY KEY (id),
                CONSTRAINT account_person UNIQUE (person),
                CONSTRAINT account_totp CHECK (totp_since IS NULL OR totp_sealed IS NOT NULL)
            ) {strict}"
                    .to_owned(),
                // The owner is a host, a merchant of giftcard-api's, or for administrators nobody.
                format!(
                    "CREATE TABLE account_role (
                account_id {{uuid}} NOT NULL,
                role TEXT NOT NULL,
                owner_id {{uuid}} NOT NULL,
                created_at {{bigint}} NOT NULL,
                CONSTRAINT account_role_pk PRIMARY KEY (account_id, role, owner_id),
                CONSTRAINT account_role_account FOREIGN KEY (account_id) REFERENCES account (id),
                CONSTRAINT account_role_role CHECK ({role})
            ) {{strict}}"
                ),
                "CREATE INDEX account_role_of_role ON account_role (role, created_at)".to_owned(),
                // Only hashes: whoever reads the database cannot act as anybody.
                "CREATE TABLE recovery_code (
                account_id {uuid} NOT NULL,
                hash {bytes} NOT NULL,
                used_at {bigint},
                CONSTRAINT recovery_code_pk PRIMARY KEY (account_id, hash),
                CONSTRAINT recovery_code_account FOREIGN KEY (account_id) REFERENCES account (id)
            ) {strict}"
                    .to_owned(),
                "CREATE TABLE session (
                hash {bytes} NOT NULL,
                id {uuid} NOT NULL,
                account_id {uuid} NOT NULL,
                created_at {bigint} NOT NULL,
                authenticated_at {bigint} NOT NULL,
                last_seen_at {bigint} NOT NULL,
                expires_at {bigint} NOT NULL,
                revoked_at {bigint},
                CONSTRAINT session_pk PRIMARY KEY (hash),
                CONSTRAINT session_id UNIQUE (id),
                CONSTRAINT session_account FOREIGN KEY (account_id) REFERENCES account (id)
            ) {strict}"
                    .to_owned(),
                "CREATE INDEX session_of_account ON session (account_id, id)".to_owned(),
                // Without an address an invitation is for whoever has its link: the first administrator.
                format!(
                    "CREATE TABLE invitation (
                id {{uuid}} NOT NULL,
                person TEXT,
                mailbox TEXT,
                role TEXT NOT NULL,
                owner_id {{uuid}} NOT NULL,
                invited_by TEXT NOT NULL,
                created_at {{bigint}} NOT NULL,
                accepted_at {{bigint}},
                CONSTRAINT invitation_pk PRIMARY KEY (id),
                CONSTRAINT invitation_role CHECK ({role})
            ) {{strict}}"
                ),
                // No addresses: an audit outlives the people in it. Without an account somebody acted who
                // has none, or the operator with the installation's token.
                "CREATE TABLE audit_entry (
                id {uuid} NOT NULL,
                at {bigint} NOT NULL,
                account_id {uuid},
                action TEXT NOT NULL,
                subject TEXT NOT NULL,
                CONSTRAINT audit_entry_pk PRIMARY KEY (id)
            ) {strict}"
                    .to_owned(),
                "CREATE INDEX audit_entry_of_account ON audit_entry (account_id, id)".to_owned(),
            ],
        )
        .await?;
        append_only(manager, "audit_entry").await
    }
}
