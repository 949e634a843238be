//! The lines of a settlement with the names by which the merchant knows them.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};
use uuid::Uuid;

use crate::domain::ids::SettlementId;

/// A line, with what it stands for.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct StatementLine {
    /// The line's id, which is that of its redemption or reversal.
    pub(crate) id: Uuid,
    /// `redemption`, `reversal` or `adjustment`.
    pub(crate) kind: String,
    /// Positive for what the merchant gets, negative for what it gives back.
    pub(crate) amount_minor: i64,
    /// When it came to be.
    pub(crate) created_at: i64,
    /// The redemption: itself, or the one that was reversed.
    pub(crate) redemption_id: Option<Uuid>,
    /// The till's own name for that redemption.
    pub(crate) external_id: Option<String>,
    /// The card; its code is nowhere near.
    pub(crate) card_id: Option<Uuid>,
    /// The authorisation that was captured as that redemption, if one was.
    pub(crate) authorisation_id: Option<Uuid>,
}

/// The lines of a settlement in their order of creation, after `after`.
pub(crate) async fn lines(
    conn: &impl ConnectionTrait,
    settlement: SettlementId,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<StatementLine>, DbErr> {
    let sql = "SELECT l.id, l.kind, l.amount_minor, l.created_at, r.id AS redemption_id, \
               r.external_id, r.card_id, a.id AS authorisation_id FROM settlement_line l \
               LEFT JOIN reversal v ON v.id = l.id \
               LEFT JOIN redemption r ON r.id = COALESCE(v.redemption_id, l.id) \
               LEFT JOIN authorisation a ON a.redemption_id = r.id \
               WHERE l.settlement_id = $1 AND l.id > $2 ORDER BY l.id LIMIT $3";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [settlement.0.into(), after.unwrap_or(Uuid::nil()).into(), limit.into()];
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    StatementLine::find_by_statement(statement).all(conn).await
}
