//! What merchants are owed, line by line. A line's id is that of its redemption or reversal, so
//! that each is paid in one settlement at most.

use ledger::{Currency, Money};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, FromQueryResult,
    IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};
use uuid::Uuid;

use crate::domain::ids::{MerchantId, SettlementId};

pub(crate) use entity::Model as Line;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::{
        ids::{MerchantId, SettlementId},
        settlement::LineKind,
    };

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "settlement_line")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub merchant_id: MerchantId,
        pub currency: String,
        pub kind: LineKind,
        /// Positive for what the merchant gets, negative for what it gives back.
        pub amount_minor: i64,
        /// The settlement that pays it; none while it waits for one.
        pub settlement_id: Option<SettlementId>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity};

/// What lines come to together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Total {
    /// Their sum.
    pub(crate) minor: i64,
    /// How many they are.
    pub(crate) count: i64,
}

/// Writes a line that waits for its settlement.
pub(crate) async fn insert(tx: &impl ConnectionTrait, line: Line) -> Result<(), DbErr> {
    Entity::insert(line.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Puts every waiting line of a merchant and currency into a settlement. The caller holds the
/// merchant's row, so that no two settlements reach for the same lines.
pub(crate) async fn take(
    tx: &impl ConnectionTrait,
    merchant: MerchantId,
    currency: Currency,
    settlement: SettlementId,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::SettlementId, Expr::value(settlement))
        .filter(Column::MerchantId.eq(merchant))
        .filter(Column::Currency.eq(currency.as_str()))
        .filter(Column::SettlementId.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Lets the lines of a settlement wait for another one.
pub(crate) async fn release(
    tx: &impl ConnectionTrait,
    settlement: SettlementId,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::SettlementId, Expr::value(Option::<SettlementId>::None))
        .filter(Column::SettlementId.eq(settlement))
        .exec(tx)
        .await?;
    Ok(())
}

/// The sum of a settlement's lines.
pub(crate) async fn total_of(
    conn: &impl ConnectionTrait,
    settlement: SettlementId,
) -> Result<Total, DbErr> {
    total(conn, Entity::find().filter(Column::SettlementId.eq(settlement))).await
}

/// The sum of the waiting lines of a merchant and currency.
pub(crate) async fn waiting(
    conn: &impl ConnectionTrait,
    merchant: MerchantId,
    currency: Currency,
) -> Result<Total, DbErr> {
    let lines = Entity::find()
        .filter(Column::MerchantId.eq(merchant))
        .filter(Column::Currency.eq(currency.as_str()))
        .filter(Column::SettlementId.is_null());
    total(conn, lines).await
}

#[derive(FromQueryResult)]
struct Sums {
    minor: i64,
    count: i64,
}

async fn total(
    conn: &impl ConnectionTrait,
    lines: sea_orm::Select<Entity>,
) -> Result<Total, DbErr> {
    let sums = lines
        .select_only()
        // SUM of BIGINT is NUMERIC on PostgreSQL and NULL of no rows on both.
        .column_as(Expr::cust("CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT)"), "minor")
        .column_as(Expr::cust("COUNT(*)"), "count")
        .into_model::<Sums>()
        .one(conn)
        .await?;
    Ok(sums.map_or(Total { minor: 0, count: 0 }, |sums| Total {
        minor: sums.minor,
        count: sums.count,
    }))
}

/// What a merchant's waiting lines come to, per currency.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Waiting {
    /// Whose lines.
    pub(crate) merchant_id: MerchantId,
    /// Of which currency.
    pub(crate) currency: String,
    /// Their sum.
    pub(crate) minor: i64,
}

/// What waits for a settlement, for one merchant or for all.
pub(crate) async fn waiting_sums(
    conn: &impl ConnectionTrait,
    merchant: Option<MerchantId>,
) -> Result<Vec<Waiting>, DbErr> {
    let mut query = Entity::find().filter(Column::SettlementId.is_null());
    if let Some(merchant) = merchant {
        query = query.filter(Column::MerchantId.eq(merchant));
    }
    query
        .select_only()
        .column(Column::MerchantId)
        .column(Column::Currency)
        .column_as(Expr::cust("CAST(SUM(amount_minor) AS BIGINT)"), "minor")
        .group_by(Column::MerchantId)
        .group_by(Column::Currency)
        .order_by_asc(Column::MerchantId)
        .order_by_asc(Column::Currency)
        .into_model::<Waiting>()
        .all(conn)
        .await
}

/// A settlement's lines in their order of creation, after `after`.
pub(crate) async fn page_of(
    conn: &impl ConnectionTrait,
    settlement: SettlementId,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Line>, DbErr> {
    let mut query = Entity::find().filter(Column::SettlementId.eq(settlement));
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after));
    }
    query.order_by_asc(Column::Id).limit(limit).all(conn).await
}

/// The amount of a line, for answers.
///
/// # Errors
/// When the row is corrupt.
pub(crate) fn amount(line: &Line) -> anyhow::Result<Money> {
    super::money(line.amount_minor, &line.currency)
}
