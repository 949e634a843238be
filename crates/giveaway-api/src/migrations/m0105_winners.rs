//! Winners, their successors, and the links that they used.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::{append_only, one_of, run};
use crate::domain::winner::WinnerState;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro reads the elided form alone")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let state = one_of::<WinnerState>("state");
        run(manager, &[
            format!(
                "CREATE TABLE winner (
                id {{uuid}} NOT NULL,
                giveaway_id {{uuid}} NOT NULL,
                unit_id {{uuid}} NOT NULL,
                entry_id {{uuid}} NOT NULL,
                leaf_id {{uuid}} NOT NULL,
                rank {{int}} NOT NULL,
                state TEXT NOT NULL,
                claim_until {{bigint}} NOT NULL,
                card_id {{uuid}},
                selected_at {{bigint}} NOT NULL,
                changed_at {{bigint}} NOT NULL,
                CONSTRAINT winner_pk PRIMARY KEY (id),
                CONSTRAINT winner_giveaway FOREIGN KEY (giveaway_id) REFERENCES giveaway (id),
                CONSTRAINT winner_unit FOREIGN KEY (unit_id) REFERENCES prize_unit (id),
                CONSTRAINT winner_rank UNIQUE (giveaway_id, rank),
                CONSTRAINT winner_card CHECK (card_id IS NULL OR state = 'claimed'),
                CONSTRAINT winner_state CHECK ({state})
            ) {{strict}}"
            ),
            // Nobody shares a prize: the database itself refuses a second holder of a unit.
            "CREATE UNIQUE INDEX winner_of_unit ON winner (unit_id) WHERE state IN ('selected', 'claimed')"
                .to_owned(),
            "CREATE INDEX winner_deadline ON winner (claim_until) WHERE state = 'selected'".to_owned(),
            "CREATE TABLE succession (
                giveaway_id {uuid} NOT NULL,
                number {int} NOT NULL,
                unit_id {uuid} NOT NULL,
                record TEXT NOT NULL,
                at {bigint} NOT NULL,
                CONSTRAINT succession_pk PRIMARY KEY (giveaway_id, number),
                CONSTRAINT succession_giveaway FOREIGN KEY (giveaway_id) REFERENCES giveaway (id)
            ) {strict}"
                .to_owned(),
            // Links to a card that was shown before: each opens it for a short while from its first
            // use on.
            "CREATE TABLE link_use (
                nonce {uuid} NOT NULL,
                winner_id {uuid} NOT NULL,
                used_at {bigint} NOT NULL,
                CONSTRAINT link_use_pk PRIMARY KEY (nonce),
                CONSTRAINT link_use_winner FOREIGN KEY (winner_id) REFERENCES winner (id)
            ) {strict}"
                .to_owned(),
        ])
        .await?;
        append_only(manager, "succession").await?;
        append_only(manager, "link_use").await
    }
}
