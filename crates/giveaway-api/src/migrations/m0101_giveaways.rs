//! Giveaways, their prizes, and the events of everything that has a state.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::{append_only, one_of, run};
use crate::domain::giveaway::{GiveawayState, UnitState};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro reads the elided form alone")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let giveaway_state = one_of::<GiveawayState>("state");
        let unit_state = one_of::<UnitState>("state");
        run(manager, &[
            format!("CREATE TABLE giveaway (
                id {{uuid}} NOT NULL,
                host_id {{uuid}} NOT NULL,
                state TEXT NOT NULL,
                title TEXT NOT NULL,
                description TEXT NOT NULL,
                currency TEXT NOT NULL,
                alternates {{int}} NOT NULL,
                eligibility TEXT NOT NULL,
                grounds TEXT NOT NULL,
                opens_at {{bigint}},
                closes_at {{bigint}} NOT NULL,
                review_seconds {{int}} NOT NULL,
                lead_seconds {{int}} NOT NULL,
                claim_seconds {{int}} NOT NULL,
                freeze_at {{bigint}},
                draw_at {{bigint}},
                round {{bigint}},
                rules TEXT,
                rules_hash TEXT,
                saga_id {{uuid}},
                created_at {{bigint}} NOT NULL,
                changed_at {{bigint}} NOT NULL,
                CONSTRAINT giveaway_pk PRIMARY KEY (id),
                CONSTRAINT giveaway_state CHECK ({giveaway_state}),
                CONSTRAINT giveaway_rules CHECK (state = 'draft' OR rules IS NOT NULL),
                CONSTRAINT giveaway_dates CHECK (opens_at IS NULL OR opens_at < closes_at)
            ) {{strict}}"),
            "CREATE INDEX giveaway_of_host ON giveaway (host_id, id)".to_owned(),
            // What the scans look for: few giveaways are alive at any time.
            "CREATE INDEX giveaway_alive ON giveaway (state) WHERE state NOT IN ('draft', 'completed', 'cancelled')".to_owned(),
            "CREATE TABLE prize (
                id {uuid} NOT NULL,
                giveaway_id {uuid} NOT NULL,
                position {int} NOT NULL,
                product_id {uuid} NOT NULL,
                product_name TEXT NOT NULL,
                merchant_name TEXT NOT NULL,
                value_minor {bigint} NOT NULL,
                units {int} NOT NULL,
                CONSTRAINT prize_pk PRIMARY KEY (id),
                CONSTRAINT prize_giveaway FOREIGN KEY (giveaway_id) REFERENCES giveaway (id),
                CONSTRAINT prize_position UNIQUE (giveaway_id, position),
                CONSTRAINT prize_value CHECK (value_minor > 0),
                CONSTRAINT prize_units CHECK (units > 0)
            ) {strict}".to_owned(),
            format!("CREATE TABLE prize_unit (
                id {{uuid}} NOT NULL,
                giveaway_id {{uuid}} NOT NULL,
                prize_id {{uuid}} NOT NULL,
                position {{int}} NOT NULL,
                escrow_id {{uuid}} NOT NULL,
                value_minor {{bigint}} NOT NULL,
                currency TEXT NOT NULL,
                state TEXT NOT NULL,
                CONSTRAINT prize_unit_pk PRIMARY KEY (id),
                CONSTRAINT prize_unit_giveaway FOREIGN KEY (giveaway_id) REFERENCES giveaway (id),
                CONSTRAINT prize_unit_prize FOREIGN KEY (prize_id) REFERENCES prize (id),
                CONSTRAINT prize_unit_position UNIQUE (giveaway_id, position),
                CONSTRAINT prize_unit_escrow UNIQUE (escrow_id),
                CONSTRAINT prize_unit_state CHECK ({unit_state})
            ) {{strict}}"),
            // Every change of a state, of whatever machine.
            "CREATE TABLE state_event (
                id {uuid} NOT NULL,
                machine TEXT NOT NULL,
                subject {uuid} NOT NULL,
                from_state TEXT NOT NULL,
                to_state TEXT NOT NULL,
                reason TEXT NOT NULL,
                at {bigint} NOT NULL,
                CONSTRAINT state_event_pk PRIMARY KEY (id)
            ) {strict}".to_owned(),
            "CREATE INDEX state_event_subject ON state_event (subject, id)".to_owned(),
        ])
        .await?;
        append_only(manager, "state_event").await
    }
}
