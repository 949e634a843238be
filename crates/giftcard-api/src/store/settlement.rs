//! Settlements.

use ledger::{Currency, Money};
use platform::Tx;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};

use super::{event, money};
use crate::domain::{
    ids::{MerchantId, SettlementId},
    news,
    settlement::SettlementState,
};

pub(crate) use entity::Model as Settlement;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::{
        ids::{MerchantId, SettlementId},
        settlement::SettlementState,
    };

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "settlement")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: SettlementId,
        pub merchant_id: MerchantId,
        pub currency: String,
        /// The frozen sum of its lines.
        pub total_minor: i64,
        pub lines_count: i64,
        /// The number of the current attempt, counted from one.
        pub attempt: i32,
        pub state: SettlementState,
        pub created_at: i64,
        pub changed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity};

impl Settlement {
    /// What is paid.
    ///
    /// # Errors
    /// When the row is corrupt.
    pub(crate) fn total(&self) -> anyhow::Result<Money> {
        money(self.total_minor, &self.currency)
    }
}

/// Writes a settlement in its first state, and tells its merchant.
pub(crate) async fn insert(tx: &Tx, settlement: Settlement) -> Result<(), DbErr> {
    let (id, state, at) = (settlement.id, settlement.state, settlement.created_at);
    tx.tell(news::settlement(settlement.merchant_id, id, state, at));
    Entity::insert(settlement.into_active_model()).exec_without_returning(tx).await?;
    event::record_one(tx, id, None, state, "requested", at).await
}

/// Moves a settlement from one state to another, with its current attempt, and tells its merchant.
pub(crate) async fn advance(
    tx: &Tx,
    id: SettlementId,
    (from, to): (SettlementState, SettlementState),
    attempt: i32,
    reason: &'static str,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::State, Expr::value(to))
        .col_expr(Column::Attempt, Expr::value(attempt))
        .col_expr(Column::ChangedAt, Expr::value(now_ms))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(from))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    event::record_one(tx, id, Some(from), to, reason, now_ms).await?;
    if let Some(settlement) = find(tx, id).await? {
        tx.tell(news::settlement(settlement.merchant_id, id, to, now_ms));
    }
    Ok(true)
}

/// The settlement of this id.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    id: SettlementId,
) -> Result<Option<Settlement>, DbErr> {
    Entity::find_by_id(id).one(conn).await
}

/// The settlement of a merchant and currency that is not over: under way, or failed and to be
/// attempted again.
pub(crate) async fn open_of(
    conn: &impl ConnectionTrait,
    merchant: MerchantId,
    currency: Currency,
) -> Result<Option<Settlement>, DbErr> {
    use SettlementState::{Failed, Intent, PendingProvider, Sending};
    Entity::find()
        .filter(Column::MerchantId.eq(merchant))
        .filter(Column::Currency.eq(currency.as_str()))
        .filter(Column::State.is_in([Intent, Sending, PendingProvider, Failed]))
        .one(conn)
        .await
}

/// All failed settlements, the oldest first: the automatic settlement attempts them again.
pub(crate) async fn failed(
    conn: &impl ConnectionTrait,
    limit: u64,
) -> Result<Vec<Settlement>, DbErr> {
    Entity::find()
        .filter(Column::State.eq(SettlementState::Failed))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(conn)
        .await
}

/// Settlements, the newest first, after (older than) `after`: of one merchant, or of all.
pub(crate) async fn page(
    conn: &impl ConnectionTrait,
    merchant: Option<MerchantId>,
    after: Option<SettlementId>,
    limit: u64,
) -> Result<Vec<Settlement>, DbErr> {
    let mut query = Entity::find();
    if let Some(merchant) = merchant {
        query = query.filter(Column::MerchantId.eq(merchant));
    }
    if let Some(after) = after {
        query = query.filter(Column::Id.lt(after));
    }
    query.order_by_desc(Column::Id).limit(limit).all(conn).await
}
