//! Entries, how many there are, and what is counted about them.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::{one_of, run};
use crate::domain::entry::Source;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro reads the elided form alone")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let source = one_of::<Source>("source");
        run(
            manager,
            &[
                // Address, mailbox, name, referrer and salt are what leads back to a person: erasing one
                // sets them to null and keeps the rest, so that the leaf stays what was committed to.
                format!(
                    "CREATE TABLE entry (
                id {{uuid}} NOT NULL,
                giveaway_id {{uuid}} NOT NULL,
                address TEXT,
                mailbox TEXT,
                name TEXT,
                referred_by TEXT,
                salt {{bytes}},
                leaf_id {{uuid}} NOT NULL,
                person {{bytes}} NOT NULL,
                country TEXT,
                birth_year {{int}},
                source TEXT NOT NULL,
                verified_at {{bigint}},
                mailed_at {{bigint}} NOT NULL,
                created_at {{bigint}} NOT NULL,
                CONSTRAINT entry_pk PRIMARY KEY (id),
                CONSTRAINT entry_giveaway FOREIGN KEY (giveaway_id) REFERENCES giveaway (id),
                CONSTRAINT entry_person UNIQUE (giveaway_id, address),
                CONSTRAINT entry_source CHECK ({source})
            ) {{strict}}"
                ),
                "CREATE INDEX entry_page ON entry (giveaway_id, id)".to_owned(),
                // Kept beside the entries, so that a page never counts them.
                "CREATE TABLE entry_count (
                giveaway_id {uuid} NOT NULL,
                entries {bigint} NOT NULL,
                verified {bigint} NOT NULL,
                eligible {bigint} NOT NULL,
                CONSTRAINT entry_count_pk PRIMARY KEY (giveaway_id),
                CONSTRAINT entry_count_giveaway FOREIGN KEY (giveaway_id) REFERENCES giveaway (id),
                CONSTRAINT entry_count_parts
                    CHECK (0 <= eligible AND eligible <= verified AND verified <= entries)
            ) {strict}"
                    .to_owned(),
                // Appended to, not added up: concurrent batches would wait for each other's rows.
                "CREATE TABLE counter_delta (
                id {uuid} NOT NULL,
                giveaway_id {uuid} NOT NULL,
                name TEXT NOT NULL,
                label TEXT NOT NULL,
                hour {bigint} NOT NULL,
                n {bigint} NOT NULL,
                CONSTRAINT counter_delta_pk PRIMARY KEY (id)
            ) {strict}"
                    .to_owned(),
            ],
        )
        .await
    }
}
