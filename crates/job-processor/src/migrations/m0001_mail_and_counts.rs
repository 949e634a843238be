//! Mails handed over, the mailbox, counters.

use sea_orm_migration::prelude::*;

use crate::{
    domain::mail::State,
    store::{
        counts::{batch, counter},
        mailbox, mails,
    },
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_mail_and_counts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(sent_mail()).await?;
        manager
            .create_index(
                Index::create()
                    .name("sent_mail_state")
                    .table(mails::entity::Entity)
                    .col(mails::entity::Column::State)
                    .col(mails::entity::Column::At)
                    .to_owned(),
            )
            .await?;
        manager.create_table(mailbox()).await?;
        manager.create_table(counter()).await?;
        manager.create_table(batch()).await?;
        manager
            .create_index(
                Index::create()
                    .name("count_batch_at")
                    .table(batch::Entity)
                    .col(batch::Column::At)
                    .to_owned(),
            )
            .await
    }
}

fn sent_mail() -> TableCreateStatement {
    use mails::entity::{Column as C, Entity};
    Table::create()
        .table(Entity)
        .col(ColumnDef::new(C::MailId).text().not_null().primary_key())
        .col(ColumnDef::new(C::Owner).text().not_null())
        .col(ColumnDef::new(C::Template).text().not_null())
        .col(ColumnDef::new(C::SubjectId).text().not_null())
        .col(ColumnDef::new(C::State).text().not_null())
        .col(ColumnDef::new(C::Reason).text())
        .col(ColumnDef::new(C::At).big_integer().not_null())
        .check(("sent_mail_state_known", Expr::col(C::State).is_in(State::ALL.map(State::name))))
        .to_owned()
}

fn mailbox() -> TableCreateStatement {
    use mailbox::entity::{Column as C, Entity};
    Table::create()
        .table(Entity)
        .col(ColumnDef::new(C::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(C::MailId).text().not_null().unique_key())
        .col(ColumnDef::new(C::Template).text().not_null())
        .col(ColumnDef::new(C::Recipient).text().not_null())
        .col(ColumnDef::new(C::RecipientFolded).text().not_null())
        .col(ColumnDef::new(C::Subject).text().not_null())
        .col(ColumnDef::new(C::Text).text().not_null())
        .col(ColumnDef::new(C::Html).text().not_null())
        .col(ColumnDef::new(C::At).big_integer().not_null())
        .to_owned()
}

fn counter() -> TableCreateStatement {
    use counter::{Column as C, Entity};
    Table::create()
        .table(Entity)
        .col(ColumnDef::new(C::GiveawayId).text().not_null())
        .col(ColumnDef::new(C::Name).text().not_null())
        .col(ColumnDef::new(C::Label).text().not_null())
        .col(ColumnDef::new(C::Hour).big_integer().not_null())
        .col(ColumnDef::new(C::N).big_integer().not_null())
        .primary_key(Index::create().col(C::GiveawayId).col(C::Name).col(C::Label).col(C::Hour))
        .to_owned()
}

fn batch() -> TableCreateStatement {
    use batch::{Column as C, Entity};
    Table::create()
        .table(Entity)
        .col(ColumnDef::new(C::BatchId).text().not_null().primary_key())
        .col(ColumnDef::new(C::At).big_integer().not_null())
        .to_owned()
}
