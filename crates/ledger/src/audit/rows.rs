//! Checks that a service makes of its own tables: queries whose rows are violations.

use sea_orm::{ConnectionTrait, QueryResult, Value};
use uuid::Uuid;

use super::Violation;
use crate::{
    LedgerError,
    sql::{column, statement},
};

/// One check: a query whose rows are violations, with the subject in the column `id`.
#[derive(Clone, Copy, Debug)]
pub struct RowCheck {
    /// The number of the invariant in the design's list.
    pub invariant: u8,
    /// What is wrong with a row that is found.
    pub what: &'static str,
    /// How a row is named.
    pub name: RowName,
    /// The query, without an end: `LIMIT $1` is added, further parameters begin with `$2`.
    pub sql: &'static str,
}

/// How a row is named in a violation.
#[derive(Clone, Copy, Debug)]
pub enum RowName {
    /// By a UUID, shown with this prefix: `crd` for `crd_0198…`.
    Id(&'static str),
    /// By a text of its own, shown behind this word.
    Text(&'static str),
}

impl RowCheck {
    /// Runs the check; at most `listed` rows are named.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look(
        &self,
        conn: &impl ConnectionTrait,
        further: impl IntoIterator<Item = Value>,
        listed: u32,
    ) -> Result<Vec<Violation>, LedgerError> {
        self.look_with(conn, self.sql, further, listed).await
    }

    /// The same with another query, for one that is put together at the moment of asking.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look_with(
        &self,
        conn: &impl ConnectionTrait,
        sql: &str,
        further: impl IntoIterator<Item = Value>,
        listed: u32,
    ) -> Result<Vec<Violation>, LedgerError> {
        let values = std::iter::once(Value::from(i64::from(listed))).chain(further);
        let rows = conn.query_all_raw(statement(conn, format!("{sql} LIMIT $1"), values)).await?;
        let violation = |row| {
            let rows = vec![self.name.of(row)?];
            Ok(Violation { invariant: self.invariant, what: self.what.to_owned(), rows })
        };
        rows.iter().map(violation).collect()
    }
}

impl RowName {
    fn of(self, row: &QueryResult) -> Result<String, LedgerError> {
        Ok(match self {
            Self::Id(prefix) => format!("{prefix}_{}", column::<Uuid>(row, "id")?.simple()),
            Self::Text(what) => format!("{what} {}", column::<String>(row, "id")?),
        })
    }
}
