//! The provider's events, alerts, the history of every state machine, and periodic work.

use ledger::guard::Guard;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::run;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = [
            "CREATE TABLE provider_event (
                id TEXT NOT NULL,
                object_id TEXT NOT NULL,
                reference TEXT,
                received_at {bigint} NOT NULL,
                handled_at {bigint},
                due_at {bigint} NOT NULL,
                CONSTRAINT provider_event_once PRIMARY KEY (id)
            ) {strict}",
            "CREATE INDEX provider_event_due ON provider_event (due_at) WHERE handled_at IS NULL",
            "CREATE TABLE alert (
                id {uuid} NOT NULL,
                kind TEXT NOT NULL,
                subject TEXT NOT NULL,
                detail TEXT NOT NULL,
                raised_at {bigint} NOT NULL,
                cleared_at {bigint},
                CONSTRAINT alert_pk PRIMARY KEY (id),
                CONSTRAINT alert_once UNIQUE (kind, subject)
            ) {strict}",
            "CREATE TABLE state_event (
                id {uuid} NOT NULL,
                subject TEXT NOT NULL,
                from_state TEXT,
                to_state TEXT NOT NULL,
                reason TEXT NOT NULL,
                at {bigint} NOT NULL,
                CONSTRAINT state_event_pk PRIMARY KEY (id)
            ) {strict}",
            "CREATE INDEX state_event_of ON state_event (subject, id)",
            "CREATE TABLE schedule (
                name TEXT NOT NULL,
                due_at {bigint} NOT NULL,
                cursor TEXT,
                CONSTRAINT schedule_pk PRIMARY KEY (name)
            ) {strict}",
        ];
        run(manager, &statements.map(str::to_owned), &guards()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

pub(super) fn guards() -> Vec<Guard> {
    Guard::append_only("state_event").to_vec()
}
