//! Authorisations of cards.

use ledger::guard::Guard;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::{CURRENCY, run, states};
use crate::domain::{authorisation::AuthorisationState, state::Machine as _};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let state = states::<AuthorisationState>();
        let statements = [
            format!(
                "CREATE TABLE authorisation (
                id {{uuid}} NOT NULL,
                merchant_id {{uuid}} NOT NULL,
                card_id {{uuid}} NOT NULL,
                external_id TEXT NOT NULL,
                amount_minor {{bigint}} NOT NULL,
                currency TEXT NOT NULL,
                state TEXT NOT NULL,
                redemption_id {{uuid}},
                expires_at {{bigint}} NOT NULL,
                created_at {{bigint}} NOT NULL,
                changed_at {{bigint}} NOT NULL,
                CONSTRAINT authorisation_pk PRIMARY KEY (id),
                CONSTRAINT authorisation_external_id UNIQUE (merchant_id, external_id),
                CONSTRAINT authorisation_redemption UNIQUE (redemption_id),
                CONSTRAINT authorisation_merchant FOREIGN KEY (merchant_id) REFERENCES merchant (id),
                CONSTRAINT authorisation_card FOREIGN KEY (card_id) REFERENCES card (id),
                CONSTRAINT authorisation_of_redemption FOREIGN KEY (redemption_id)
                    REFERENCES redemption (id),
                CONSTRAINT authorisation_currency CHECK ({CURRENCY}),
                CONSTRAINT authorisation_amount CHECK (amount_minor > 0),
                CONSTRAINT authorisation_state CHECK ({state}),
                CONSTRAINT authorisation_captured CHECK (
                    (state = 'captured') = (redemption_id IS NOT NULL))
            ) {{strict}}"
            ),
            "CREATE INDEX authorisation_due ON authorisation (expires_at) WHERE state = 'authorised'"
                .to_owned(),
            "CREATE INDEX authorisation_of_card_live ON authorisation (card_id)
                WHERE state = 'authorised'"
                .to_owned(),
        ];
        run(manager, &statements, &guards()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

pub(super) fn guards() -> Vec<Guard> {
    let refuse = |name: &str, event, reason: &str| Guard {
        name: name.to_owned(),
        table: "authorisation".to_owned(),
        event,
        when: None,
        reason: reason.to_owned(),
    };
    let kept = [
        refuse("authorisation_no_delete", "DELETE", "authorisations are kept"),
        refuse(
            "authorisation_keeps_terms",
            "UPDATE OF id, merchant_id, card_id, external_id, amount_minor, currency, created_at",
            "an authorisation keeps what it was made with",
        ),
    ];
    AuthorisationState::guards("authorisation").into_iter().chain(kept).collect()
}
