//! Merchants, their tokens, till sessions and products.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::{CURRENCY, run, states};
use crate::domain::product::{MIN_VALIDITY_DAYS, ProductState};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = [
            "CREATE TABLE merchant (
                id {uuid} NOT NULL,
                name TEXT NOT NULL,
                email TEXT NOT NULL,
                payout_destination TEXT NOT NULL,
                blocked_at {bigint},
                created_at {bigint} NOT NULL,
                CONSTRAINT merchant_pk PRIMARY KEY (id)
            ) {strict}"
                .to_owned(),
            "CREATE INDEX merchant_paid_at ON merchant (payout_destination)".to_owned(),
            "CREATE TABLE api_token (
                hash {bytes} NOT NULL,
                id {uuid} NOT NULL,
                owner_id {uuid} NOT NULL,
                role TEXT NOT NULL,
                created_at {bigint} NOT NULL,
                revoked_at {bigint},
                CONSTRAINT api_token_pk PRIMARY KEY (hash),
                CONSTRAINT api_token_id UNIQUE (id),
                CONSTRAINT api_token_owner FOREIGN KEY (owner_id) REFERENCES merchant (id),
                CONSTRAINT api_token_role CHECK (role IN ('merchant'))
            ) {strict}"
                .to_owned(),
            "CREATE TABLE till_session (
                hash {bytes} NOT NULL,
                token_hash {bytes} NOT NULL,
                created_at {bigint} NOT NULL,
                expires_at {bigint} NOT NULL,
                CONSTRAINT till_session_pk PRIMARY KEY (hash),
                CONSTRAINT till_session_token FOREIGN KEY (token_hash) REFERENCES api_token (hash)
            ) {strict}"
                .to_owned(),
            "CREATE INDEX till_session_end ON till_session (expires_at)".to_owned(),
            format!(
                "CREATE TABLE product (
                id {{uuid}} NOT NULL,
                merchant_id {{uuid}} NOT NULL,
                name TEXT NOT NULL,
                currency TEXT NOT NULL,
                min_minor {{bigint}} NOT NULL,
                max_minor {{bigint}} NOT NULL,
                validity_days {{int}},
                state TEXT NOT NULL,
                created_at {{bigint}} NOT NULL,
                CONSTRAINT product_pk PRIMARY KEY (id),
                CONSTRAINT product_merchant FOREIGN KEY (merchant_id) REFERENCES merchant (id),
                CONSTRAINT product_currency CHECK ({CURRENCY}),
                CONSTRAINT product_values CHECK (0 < min_minor AND min_minor <= max_minor),
                CONSTRAINT product_validity CHECK (validity_days >= {MIN_VALIDITY_DAYS}),
                CONSTRAINT product_state CHECK ({})
            ) {{strict}}",
                states::<ProductState>()
            ),
            "CREATE INDEX product_of_merchant ON product (merchant_id, id)".to_owned(),
        ];
        run(manager, &statements, &[]).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
