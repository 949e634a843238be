//! Sessions of the till: opaque, server-side, and never longer than the token they stand for.

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _,
};

use super::token;
use crate::domain::ids::MerchantId;

pub(crate) use entity::Model as Session;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "till_session")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub hash: Vec<u8>,
        /// The token that opened it.
        pub token_hash: Vec<u8>,
        pub created_at: i64,
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity};

/// Writes a session, and forgets those that are over.
pub(crate) async fn open(
    tx: &impl ConnectionTrait,
    session: Session,
    now_ms: i64,
) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::ExpiresAt.lte(now_ms)).exec(tx).await?;
    Entity::insert(session.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Whose session this is, while it lasts and its token is not revoked.
pub(crate) async fn merchant(
    conn: &impl ConnectionTrait,
    hash: &[u8],
    now_ms: i64,
) -> Result<Option<MerchantId>, DbErr> {
    let session = Entity::find()
        .filter(Column::Hash.eq(hash))
        .filter(Column::ExpiresAt.gt(now_ms))
        .one(conn)
        .await?;
    match session {
        Some(session) => token::merchant(conn, &session.token_hash).await,
        None => Ok(None),
    }
}

/// Ends a session.
pub(crate) async fn close(conn: &impl ConnectionTrait, hash: &[u8]) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::Hash.eq(hash)).exec(conn).await?;
    Ok(())
}
