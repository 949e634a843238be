//! The lines of a settlement with what the merchant knows them by.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};
use uuid::Uuid;

use crate::domain::ids::SettlementId;

/// A line.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct StatementRow {
    /// The id of what it stands for.
    pub(crate) id: Uuid,
    /// `redemption`, `reversal` or `adjustment`.
    pub(crate) kind: String,
    /// What it adds to the settlement.
    pub(crate) amount_minor: i64,
    /// When it happened, Unix milliseconds.
    pub(crate) created_at: i64,
    /// The till's own name of the redemption, or of the one that was reversed.
    pub(crate) external_id: Option<String>,
    /// The card.
    pub(crate) card_id: Option<Uuid>,
}

/// Lines of a settlement in the order of their ids, after one.
pub(crate) async fn lines(
    conn: &impl ConnectionTrait,
    settlement: SettlementId,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<StatementRow>, DbErr> {
    let sql = "SELECT l.id, l.kind, l.amount_minor, l.created_at, \
               COALESCE(r.external_id, o.external_id) AS external_id, \
               COALESCE(r.card_id, o.card_id) AS card_id FROM settlement_line l \
               LEFT JOIN redemption r ON r.id = l.id LEFT JOIN reversal v ON v.id = l.id \
               LEFT JOIN redemption o ON o.id = v.redemption_id \
               WHERE l.settlement_id = $1 AND l.id > $2 ORDER BY l.id LIMIT $3";
    let values =
        [settlement.0.into(), after.unwrap_or(Uuid::nil()).into(), i64::from(limit).into()];
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    let rows = conn.query_all_raw(statement).await?;
    rows.iter().map(|row| StatementRow::from_query_result(row, "")).collect()
}
