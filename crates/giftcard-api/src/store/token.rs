//! Bearer tokens, of which only the hash is kept.

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _,
};

use crate::domain::ids::MerchantId;

pub(crate) use entity::Model as ApiToken;

/// The role of a merchant's token; the only one so far.
pub(crate) const ROLE_MERCHANT: &str = "merchant";

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::ids::{MerchantId, TokenId};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "api_token")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub hash: Vec<u8>,
        pub id: TokenId,
        pub owner_id: MerchantId,
        pub role: String,
        pub created_at: i64,
        pub revoked_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity};

/// Writes a token.
pub(crate) async fn insert(tx: &impl ConnectionTrait, token: ApiToken) -> Result<(), DbErr> {
    Entity::insert(token.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// The merchant whose token has this hash, unless it was revoked.
pub(crate) async fn merchant(
    conn: &impl ConnectionTrait,
    hash: &[u8],
) -> Result<Option<MerchantId>, DbErr> {
    let token = Entity::find()
        .filter(Column::Hash.eq(hash))
        .filter(Column::Role.eq(ROLE_MERCHANT))
        .filter(Column::RevokedAt.is_null())
        .one(conn)
        .await?;
    Ok(token.map(|token| token.owner_id))
}
