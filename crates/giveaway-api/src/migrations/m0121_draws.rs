//! Draws: the commitment, the frozen leaves, and who was drawn.

use ledger::guard::{self, Guard};
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
                "CREATE TABLE draw (
                giveaway_id {uuid} NOT NULL,
                generation {int} NOT NULL,
                manifest TEXT NOT NULL,
                manifest_hash TEXT NOT NULL,
                signature TEXT NOT NULL,
                public_key TEXT NOT NULL,
                round {bigint} NOT NULL,
                sealed_at {bigint} NOT NULL,
                beacon TEXT,
                words {bigint},
                rejected {bigint},
                drawn_at {bigint},
                CONSTRAINT draw_pk PRIMARY KEY (giveaway_id, generation),
                CONSTRAINT draw_giveaway FOREIGN KEY (giveaway_id) REFERENCES giveaway (id)
            ) {strict}"
                    .to_owned(),
                // Leaves as they are hashed, many in one row: ten million of them as rows of their own
                // would take several times the space.
                "CREATE TABLE draw_leaves (
                giveaway_id {uuid} NOT NULL,
                generation {int} NOT NULL,
                part {int} NOT NULL,
                leaves {bytes} NOT NULL,
                CONSTRAINT draw_leaves_pk PRIMARY KEY (giveaway_id, generation, part),
                CONSTRAINT draw_leaves_draw FOREIGN KEY (giveaway_id, generation)
                    REFERENCES draw (giveaway_id, generation)
            ) {strict}"
                    .to_owned(),
                "CREATE TABLE draw_pick (
                giveaway_id {uuid} NOT NULL,
                generation {int} NOT NULL,
                position {int} NOT NULL,
                leaf_id {uuid} NOT NULL,
                entry_id {uuid} NOT NULL,
                CONSTRAINT draw_pick_pk PRIMARY KEY (giveaway_id, generation, position),
                CONSTRAINT draw_pick_leaf UNIQUE (giveaway_id, generation, leaf_id),
                CONSTRAINT draw_pick_draw FOREIGN KEY (giveaway_id, generation)
                    REFERENCES draw (giveaway_id, generation),
                CONSTRAINT draw_pick_entry FOREIGN KEY (entry_id) REFERENCES entry (id)
            ) {strict}"
                    .to_owned(),
            ],
        )
        .await?;
        append_only(manager, "draw_leaves").await?;
        append_only(manager, "draw_pick").await?;
        guard::install(manager, &commitment_guards()).await
    }
}

/// What was committed to never changes, and what was drawn is drawn once.
fn commitment_guards() -> [Guard; 3] {
    let guard = |name: &str, event, when, reason: &str| Guard {
        name: name.to_owned(),
        table: "draw".to_owned(),
        event,
        when,
        reason: reason.to_owned(),
    };
    [
        guard(
            "draw_committed",
            "UPDATE OF giveaway_id, generation, manifest, manifest_hash, signature, public_key, round, sealed_at",
            None,
            "a commitment never changes",
        ),
        guard(
            "draw_drawn_once",
            "UPDATE OF beacon, words, rejected, drawn_at",
            Some("OLD.drawn_at IS NOT NULL".into()),
            "a draw is drawn once",
        ),
        guard("draw_no_delete", "DELETE", None, "a commitment is never withdrawn"),
    ]
}
