//! What the entries of a statement are about.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

use crate::ids::{GiveawayId, WithdrawalId};

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A giveaway, with its title.
    Giveaway(GiveawayId, String),
    /// A withdrawal.
    Withdrawal(WithdrawalId),
}

/// What these references are about: those of sagas and escrows belong to a giveaway, those of
/// withdrawals are theirs. A reference to anything else is left out.
///
/// # Errors
/// When the database fails.
pub async fn subjects<C: ConnectionTrait>(
    conn: &C,
    references: &[Uuid],
) -> Result<HashMap<Uuid, Subject>, DbErr> {
    let mut found = HashMap::new();
    if references.is_empty() {
        return Ok(found);
    }
    let names: Vec<String> = (1..=references.len()).map(|n| format!("${n}")).collect();
    let names = names.join(", ");
    let rows = async |sql: String| {
        let values = references.iter().map(|reference| (*reference).into());
        let engine = conn.get_database_backend();
        conn.query_all_raw(Statement::from_sql_and_values(engine, sql, values)).await
    };
    let giveaways = format!(
        "SELECT s.id AS reference, g.id AS giveaway_id, g.title FROM saga s \
         JOIN giveaway g ON g.id = s.giveaway_id WHERE s.id IN ({names}) \
         UNION ALL SELECT i.escrow_id AS reference, g.id AS giveaway_id, g.title \
         FROM saga_item i JOIN saga s ON s.id = i.saga_id \
         JOIN giveaway g ON g.id = s.giveaway_id WHERE i.escrow_id IN ({names})"
    );
    for row in rows(giveaways).await? {
        let id = GiveawayId(row.try_get("", "giveaway_id")?);
        found.insert(
            row.try_get("", "reference")?,
            Subject::Giveaway(id, row.try_get("", "title")?),
        );
    }
    for row in rows(format!("SELECT id FROM withdrawal WHERE id IN ({names})")).await? {
        let id: Uuid = row.try_get("", "id")?;
        found.insert(id, Subject::Withdrawal(WithdrawalId(id)));
    }
    Ok(found)
}
