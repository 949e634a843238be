//! What was answered to each batch of reserves, for ever: the same key with other bytes is refused.

use sea_orm::{ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _};

use crate::domain::ids::SagaId;

pub(crate) use entity::Model as Reservation;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::ids::SagaId;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "reservation")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub saga_id: SagaId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub batch: i64,
        /// SHA-256 of the request.
        pub request_hash: Vec<u8>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::Entity;

/// The batch that was reserved under this key.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    saga: SagaId,
    batch: i64,
) -> Result<Option<Reservation>, DbErr> {
    Entity::find_by_id((saga, batch)).one(conn).await
}

/// Writes a batch, in the transaction that reserves it.
pub(crate) async fn insert(
    tx: &impl ConnectionTrait,
    reservation: Reservation,
) -> Result<(), DbErr> {
    Entity::insert(reservation.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}
