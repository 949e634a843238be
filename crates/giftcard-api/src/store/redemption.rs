//! Redemptions.

use ledger::Money;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, ExprTrait as _, FromQueryResult,
    IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement,
    sea_query::{Expr, OnConflict},
};

use super::money;
use crate::domain::ids::{MerchantId, RedemptionId};

pub(crate) use entity::Model as Redemption;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::ids::{CardId, MerchantId, RedemptionId};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "redemption")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: RedemptionId,
        pub merchant_id: MerchantId,
        pub card_id: CardId,
        /// The till's own name for it, unique per merchant.
        pub external_id: String,
        pub amount_minor: i64,
        /// How much of it was reversed: a counter with a check, not a sum.
        pub reversed_minor: i64,
        pub currency: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity};

impl Redemption {
    /// What was redeemed.
    ///
    /// # Errors
    /// When the row is corrupt.
    pub(crate) fn amount(&self) -> anyhow::Result<Money> {
        money(self.amount_minor, &self.currency)
    }

    /// What of it was reversed.
    ///
    /// # Errors
    /// When the row is corrupt.
    pub(crate) fn reversed(&self) -> anyhow::Result<Money> {
        money(self.reversed_minor, &self.currency)
    }
}

/// Writes a redemption. Returns false when the merchant has one of the same external id.
pub(crate) async fn insert(
    tx: &impl ConnectionTrait,
    redemption: Redemption,
) -> Result<bool, DbErr> {
    let unique = [Column::MerchantId, Column::ExternalId];
    let inserted = Entity::insert(redemption.into_active_model())
        .on_conflict(OnConflict::columns(unique).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(inserted == 1)
}

/// A merchant's redemption.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    merchant: MerchantId,
    id: RedemptionId,
) -> Result<Option<Redemption>, DbErr> {
    Entity::find_by_id(id).filter(Column::MerchantId.eq(merchant)).one(conn).await
}

/// A merchant's redemption, locked until the transaction ends.
pub(crate) async fn lock(
    tx: &impl ConnectionTrait,
    merchant: MerchantId,
    id: RedemptionId,
) -> Result<Option<Redemption>, DbErr> {
    Entity::find_by_id(id).filter(Column::MerchantId.eq(merchant)).lock_exclusive().one(tx).await
}

/// A merchant's redemption by the till's own name for it.
pub(crate) async fn by_external_id(
    conn: &impl ConnectionTrait,
    merchant: MerchantId,
    external_id: &str,
) -> Result<Option<Redemption>, DbErr> {
    Entity::find()
        .filter(Column::MerchantId.eq(merchant))
        .filter(Column::ExternalId.eq(external_id))
        .one(conn)
        .await
}

/// A merchant's redemptions, the newest first, after (older than) `after`.
pub(crate) async fn page(
    conn: &impl ConnectionTrait,
    merchant: MerchantId,
    after: Option<RedemptionId>,
    limit: u64,
) -> Result<Vec<Redemption>, DbErr> {
    let mut query = Entity::find().filter(Column::MerchantId.eq(merchant));
    if let Some(after) = after {
        query = query.filter(Column::Id.lt(after));
    }
    query.order_by_desc(Column::Id).limit(limit).all(conn).await
}

/// The same, of what happened from `from` on and before `until`.
pub(crate) async fn page_between(
    conn: &impl ConnectionTrait,
    merchant: MerchantId,
    (from_ms, until_ms): (i64, i64),
    after: Option<RedemptionId>,
    limit: u64,
) -> Result<Vec<Redemption>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::MerchantId.eq(merchant))
        .filter(Column::CreatedAt.gte(from_ms))
        .filter(Column::CreatedAt.lt(until_ms));
    if let Some(after) = after {
        query = query.filter(Column::Id.lt(after));
    }
    query.order_by_desc(Column::Id).limit(limit).all(conn).await
}

/// What was redeemed on a day, in UTC.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Daily {
    /// Days since the beginning of 1970.
    pub(crate) day: i64,
    /// Of which currency.
    pub(crate) currency: String,
    /// The sum, before anything was taken back.
    pub(crate) minor: i64,
    /// How many redemptions.
    pub(crate) count: i64,
}

/// What a merchant redeemed day by day since then, the oldest first.
pub(crate) async fn by_day(
    conn: &impl ConnectionTrait,
    merchant: MerchantId,
    from_ms: i64,
) -> Result<Vec<Daily>, DbErr> {
    let sql = "SELECT created_at / 86400000 AS day, currency, \
               CAST(SUM(amount_minor) AS BIGINT) AS minor, COUNT(*) AS count FROM redemption \
               WHERE merchant_id = $1 AND created_at >= $2 \
               GROUP BY created_at / 86400000, currency ORDER BY 1, 2";
    let values = [merchant.0.into(), from_ms.into()];
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    Daily::find_by_statement(statement).all(conn).await
}

/// Counts a reversal, at most what was redeemed.
pub(crate) async fn reverse(
    tx: &impl ConnectionTrait,
    id: RedemptionId,
    amount: Money,
) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::ReversedMinor, Expr::col(Column::ReversedMinor).add(amount.minor))
        .filter(Column::Id.eq(id))
        .filter(
            Expr::col(Column::ReversedMinor).add(amount.minor).lte(Expr::col(Column::AmountMinor)),
        )
        .exec(tx)
        .await?;
    Ok(changed.rows_affected == 1)
}
