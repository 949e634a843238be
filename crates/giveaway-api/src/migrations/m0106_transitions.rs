//! The database refuses every beginning and transition that the domain's machines do not have.

use ledger::guard::{self, Guard};
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use crate::domain::{
    giveaway::{GiveawayState, ReturnState, UnitState},
    saga::{BatchState, SagaState},
    states::guards,
    top_up::TopUpState,
    winner::WinnerState,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro reads the elided form alone")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        guard::install(manager, &machines()).await
    }
}

/// The guards of every machine's table.
pub(super) fn machines() -> Vec<Guard> {
    [
        guards::<GiveawayState>("giveaway"),
        guards::<UnitState>("prize_unit"),
        guards::<ReturnState>("escrow_return"),
        guards::<SagaState>("saga"),
        guards::<BatchState>("saga_batch"),
        guards::<TopUpState>("top_up"),
        guards::<WinnerState>("winner"),
    ]
    .concat()
}
