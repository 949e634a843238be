//! Products.

use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};

use super::parse_currency;
use crate::domain::{
    ids::{MerchantId, ProductId},
    product::{ProductState, Terms},
};

pub(crate) use entity::Model as Product;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::{
        ids::{MerchantId, ProductId},
        product::ProductState,
    };

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "product")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: ProductId,
        pub merchant_id: MerchantId,
        pub name: String,
        pub currency: String,
        pub min_minor: i64,
        pub max_minor: i64,
        pub validity_days: Option<i32>,
        pub state: ProductState,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity};

impl Product {
    /// The terms of the product.
    ///
    /// # Errors
    /// When the row is corrupt.
    pub(crate) fn terms(&self) -> anyhow::Result<Terms> {
        Ok(Terms {
            currency: parse_currency(&self.currency)?,
            min_minor: self.min_minor,
            max_minor: self.max_minor,
            validity_days: self.validity_days,
        })
    }
}

/// Writes a product.
pub(crate) async fn insert(tx: &impl ConnectionTrait, product: Product) -> Result<(), DbErr> {
    Entity::insert(product.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// The product of this id.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    id: ProductId,
) -> Result<Option<Product>, DbErr> {
    Entity::find_by_id(id).one(conn).await
}

/// The products of these ids, in their order of creation.
pub(crate) async fn find_many(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = ProductId>,
) -> Result<Vec<Product>, DbErr> {
    Entity::find().filter(Column::Id.is_in(ids)).order_by_asc(Column::Id).all(conn).await
}

/// A page of products: those of one merchant, or all that are active.
pub(crate) async fn page(
    conn: &impl ConnectionTrait,
    of: Option<MerchantId>,
    after: Option<ProductId>,
    limit: u64,
) -> Result<Vec<Product>, DbErr> {
    let which = match of {
        Some(merchant) => Column::MerchantId.eq(merchant),
        None => Column::State.eq(ProductState::Active),
    };
    Entity::find()
        .filter(which)
        .filter(Condition::all().add_option(after.map(|after| Column::Id.gt(after))))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(conn)
        .await
}

/// Closes an active product.
pub(crate) async fn close(tx: &impl ConnectionTrait, id: ProductId) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::State, Expr::value(ProductState::Closed))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(ProductState::Active))
        .exec(tx)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Closes all active products of a merchant, whose row the caller has locked. Returns them.
pub(crate) async fn close_all(
    tx: &impl ConnectionTrait,
    merchant: MerchantId,
) -> Result<Vec<ProductId>, DbErr> {
    let active = Entity::find()
        .filter(Column::MerchantId.eq(merchant))
        .filter(Column::State.eq(ProductState::Active))
        .order_by_asc(Column::Id)
        .all(tx)
        .await?;
    let mut closed = Vec::new();
    for product in active {
        // The merchant may be closing it itself.
        if close(tx, product.id).await? {
            closed.push(product.id);
        }
    }
    Ok(closed)
}
