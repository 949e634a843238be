//! The tables, for each service's migrator.

use async_trait::async_trait;
use sea_orm::{ExprTrait as _, sea_query::Expr};
use sea_orm_migration::prelude::*;

use super::entity::{event, room};

/// The migration of the tables of rooms.
pub fn migration() -> Box<dyn MigrationTrait> {
    Box::new(CreateRooms)
}

struct CreateRooms;

impl MigrationName for CreateRooms {
    fn name(&self) -> &str {
        "m0003_rooms"
    }
}

#[async_trait]
impl MigrationTrait for CreateRooms {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        use event::Column as E;
        use room::Column as R;
        manager
            .create_table(
                Table::create()
                    .table(room::Entity)
                    .col(ColumnDef::new(R::Name).text().not_null().primary_key())
                    .col(ColumnDef::new(R::Seq).big_integer().not_null())
                    .col(ColumnDef::new(R::Announced).big_integer().not_null())
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("room_news")
                    .table(room::Entity)
                    .col(R::Name)
                    .and_where(Expr::col(R::Announced).lt(Expr::col(R::Seq)))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table(event::Entity)
                    .col(ColumnDef::new(E::Room).text().not_null())
                    .col(ColumnDef::new(E::Seq).big_integer().not_null())
                    .col(ColumnDef::new(E::Name).text().not_null())
                    .col(ColumnDef::new(E::Data).text().not_null())
                    .col(ColumnDef::new(E::At).big_integer().not_null())
                    .primary_key(Index::create().col(E::Room).col(E::Seq))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("room_event_at").table(event::Entity).col(E::At).to_owned(),
            )
            .await
    }
}
