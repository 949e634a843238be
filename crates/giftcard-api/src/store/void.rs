//! Voids: what a card had left when it was voided, on its way back to the host.

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, FromQueryResult,
    IntoActiveModel as _, QueryFilter as _, Statement, sea_query::Expr,
};

use crate::domain::{
    card::CardState,
    ids::{CardId, MerchantId, VoidId},
};

pub(crate) use entity::Model as Void;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::ids::{CardId, EscrowId, MerchantId, VoidId};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "card_void")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: VoidId,
        pub card_id: CardId,
        pub escrow_id: EscrowId,
        pub merchant_id: MerchantId,
        pub amount_minor: i64,
        pub currency: String,
        pub voided_at: i64,
        /// When giveaway-api had given it to the host.
        pub credited_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity};

/// Writes a void.
pub(crate) async fn insert(tx: &impl ConnectionTrait, void: Void) -> Result<(), DbErr> {
    Entity::insert(void.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Notes that the host has it; the first time stays.
pub(crate) async fn credited(
    tx: &impl ConnectionTrait,
    id: VoidId,
    now_ms: i64,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::CreditedAt, Expr::value(now_ms))
        .filter(Column::Id.eq(id))
        .filter(Column::CreditedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// What became of a card of a merchant that has closed.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct Outcome {
    pub(crate) id: CardId,
    pub(crate) state: CardState,
    pub(crate) currency: String,
    pub(crate) available_minor: i64,
    /// What a till has set aside; the card is voided when that has ended.
    pub(crate) authorised_minor: i64,
    pub(crate) voided_minor: i64,
    /// What of that the host does not have yet.
    pub(crate) uncredited_minor: i64,
}

/// The cards of a merchant that were voided or are to be, in the order of their ids, after `after`.
pub(crate) async fn outcomes(
    conn: &impl ConnectionTrait,
    merchant: MerchantId,
    after: Option<CardId>,
    limit: u64,
) -> Result<Vec<Outcome>, DbErr> {
    let sql = "SELECT c.id, c.state, c.currency, c.available_minor, c.authorised_minor, \
               c.voided_minor, CAST(COALESCE((SELECT SUM(v.amount_minor) FROM card_void v \
               WHERE v.card_id = c.id AND v.credited_at IS NULL), 0) AS BIGINT) AS uncredited_minor \
               FROM card c WHERE c.merchant_id = $1 AND c.id > $2 \
               AND (c.voided_minor > 0 OR c.state = 'active') ORDER BY c.id LIMIT $3";
    let after = after.map_or(uuid::Uuid::nil(), |id| id.0);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [merchant.0.into(), after.into(), limit.into()];
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    Outcome::find_by_statement(statement).all(conn).await
}

/// Cards of merchants that have closed which have something left that no till has set aside.
pub(crate) async fn due(conn: &impl ConnectionTrait, limit: u64) -> Result<Vec<CardId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        id: CardId,
    }
    let sql = "SELECT c.id FROM merchant m JOIN card c ON c.merchant_id = m.id \
               WHERE m.closed_at IS NOT NULL AND c.state = 'active' AND c.authorised_minor = 0 \
               AND c.available_minor > 0 LIMIT $1";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let statement =
        Statement::from_sql_and_values(conn.get_database_backend(), sql, [limit.into()]);
    let rows = Row::find_by_statement(statement).all(conn).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}
