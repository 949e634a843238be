//! The database refuses every beginning and transition that the domain's machines do not have.

use ledger::guard::Guard;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::run;
use crate::domain::{
    card::CardState,
    escrow::EscrowState,
    settlement::{AttemptState, SettlementState},
    state::Machine as _,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &[], &guards()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

pub(super) fn guards() -> Vec<Guard> {
    [
        EscrowState::guards("escrow"),
        CardState::guards("card"),
        SettlementState::guards("settlement"),
        AttemptState::guards("settlement_attempt"),
    ]
    .concat()
}
