//! Authorisations of cards.

use ledger::Money;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};

use super::{event, money};
use crate::domain::{
    authorisation::AuthorisationState,
    ids::{AuthorisationId, MerchantId, RedemptionId},
};

pub(crate) use entity::Model as Authorisation;

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::{
        authorisation::AuthorisationState,
        ids::{AuthorisationId, CardId, MerchantId, RedemptionId},
    };

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "authorisation")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: AuthorisationId,
        pub merchant_id: MerchantId,
        pub card_id: CardId,
        /// The till's own name for it, unique per merchant.
        pub external_id: String,
        pub amount_minor: i64,
        pub currency: String,
        pub state: AuthorisationState,
        /// What it was captured as.
        pub redemption_id: Option<RedemptionId>,
        pub expires_at: i64,
        pub created_at: i64,
        pub changed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{Column, Entity};

impl Authorisation {
    /// What was set aside.
    ///
    /// # Errors
    /// When the row is corrupt.
    pub(crate) fn amount(&self) -> anyhow::Result<Money> {
        money(self.amount_minor, &self.currency)
    }
}

/// Writes an authorisation. Returns false when the merchant has one of the same external id.
pub(crate) async fn insert(tx: &impl ConnectionTrait, row: Authorisation) -> Result<bool, DbErr> {
    let (id, state, at) = (row.id, row.state, row.created_at);
    let unique = [Column::MerchantId, Column::ExternalId];
    let inserted = Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::columns(unique).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    if inserted != 1 {
        return Ok(false);
    }
    event::record_one(tx, id, None, state, "authorised", at).await?;
    Ok(true)
}

/// A merchant's authorisation.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    merchant: MerchantId,
    id: AuthorisationId,
) -> Result<Option<Authorisation>, DbErr> {
    Entity::find_by_id(id).filter(Column::MerchantId.eq(merchant)).one(conn).await
}

/// A merchant's authorisation by the till's own name for it.
pub(crate) async fn by_external_id(
    conn: &impl ConnectionTrait,
    merchant: MerchantId,
    external_id: &str,
) -> Result<Option<Authorisation>, DbErr> {
    Entity::find()
        .filter(Column::MerchantId.eq(merchant))
        .filter(Column::ExternalId.eq(external_id))
        .one(conn)
        .await
}

/// A merchant's authorisations, the newest first, after (older than) `after`.
pub(crate) async fn page(
    conn: &impl ConnectionTrait,
    merchant: MerchantId,
    after: Option<AuthorisationId>,
    limit: u64,
) -> Result<Vec<Authorisation>, DbErr> {
    let mut query = Entity::find().filter(Column::MerchantId.eq(merchant));
    if let Some(after) = after {
        query = query.filter(Column::Id.lt(after));
    }
    query.order_by_desc(Column::Id).limit(limit).all(conn).await
}

/// Authorisations whose time is over, the longest first.
pub(crate) async fn due(
    conn: &impl ConnectionTrait,
    now_ms: i64,
    limit: u64,
) -> Result<Vec<Authorisation>, DbErr> {
    Entity::find()
        .filter(Column::State.eq(AuthorisationState::Authorised))
        .filter(Column::ExpiresAt.lte(now_ms))
        .order_by_asc(Column::ExpiresAt)
        .limit(limit)
        .all(conn)
        .await
}

/// Ends an authorisation, if nothing else did. A capture names its redemption.
pub(crate) async fn end(
    tx: &impl ConnectionTrait,
    id: AuthorisationId,
    to: AuthorisationState,
    redemption: Option<RedemptionId>,
    reason: &'static str,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let from = AuthorisationState::Authorised;
    let changed = Entity::update_many()
        .col_expr(Column::State, Expr::value(to))
        .col_expr(Column::RedemptionId, Expr::value(redemption))
        .col_expr(Column::ChangedAt, Expr::value(now_ms))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(from))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    event::record_one(tx, id, Some(from), to, reason, now_ms).await?;
    Ok(true)
}
