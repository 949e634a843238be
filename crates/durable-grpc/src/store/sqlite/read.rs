//! Looking at calls. Reads run behind the commit of whatever came with them.

use std::{collections::HashMap, sync::Arc};

use rusqlite::OptionalExtension as _;

use super::{
    Shared,
    rows::{VIEW, to_dead_letter, to_view},
    writer::{Database, Operation},
};
use crate::{
    id::CallId,
    store::{CallView, DeadLetter, DeadLetterFilter},
};

/// Calls by id.
pub(super) struct Lookup {
    ids: Vec<CallId>,
}

impl Lookup {
    pub(super) const fn new(ids: Vec<CallId>) -> Self {
        Self { ids }
    }
}

impl Operation for Lookup {
    type Output = Vec<Option<CallView>>;
    const WRITES: bool = false;

    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<Self::Output> {
        let sql = format!("SELECT {VIEW} FROM calls WHERE id = ?1");
        let mut statement = database.connection.prepare_cached(&sql)?;
        let claimed = |id| database.shared.lanes().is_claimed(id);
        self.ids
            .iter()
            .map(|id| {
                statement
                    .query_row([id.as_bytes()], |row| to_view(row, &database.routes, claimed))
                    .optional()
            })
            .collect()
    }

    fn committed(&mut self, _: &Shared, _: &Self::Output) {}
}

/// The call that a key names.
pub(super) struct LookupKey {
    lane: Arc<str>,
    method: Arc<str>,
    key: String,
}

impl LookupKey {
    pub(super) fn new(lane: &str, method: &str, key: &str) -> Self {
        Self { lane: lane.into(), method: method.into(), key: key.to_owned() }
    }
}

impl Operation for LookupKey {
    type Output = Option<CallView>;
    const WRITES: bool = false;

    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<Self::Output> {
        let Some(route) = database.routes.find(&self.lane, &self.method) else { return Ok(None) };
        let sql = format!(
            "SELECT {VIEW} FROM calls
             WHERE seq = (SELECT call FROM keys WHERE route = ?1 AND key = ?2)"
        );
        let claimed = |id| database.shared.lanes().is_claimed(id);
        database
            .connection
            .prepare_cached(&sql)?
            .query_row((route, &self.key), |row| to_view(row, &database.routes, claimed))
            .optional()
    }

    fn committed(&mut self, _: &Shared, _: &Self::Output) {}
}

/// A page of dead letters.
pub(super) struct DeadLetters {
    filter: DeadLetterFilter,
}

impl DeadLetters {
    pub(super) const fn new(filter: DeadLetterFilter) -> Self {
        Self { filter }
    }
}

impl Operation for DeadLetters {
    type Output = Vec<DeadLetter>;
    const WRITES: bool = false;

    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<Self::Output> {
        let of_lane = self.filter.lane.as_deref().map(|lane| {
            let numbers = database.routes.numbers_of_lane(lane);
            let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
            format!("AND route IN ({})", numbers.join(", "))
        });
        let sql = format!(
            "SELECT {VIEW} FROM calls
             WHERE state IN (4, 5) AND id > ?1 {} ORDER BY id LIMIT ?2",
            of_lane.unwrap_or_default()
        );
        let after = self.filter.after.map_or([0; 16], |id| *id.as_bytes());
        let limit = i64::try_from(self.filter.limit).unwrap_or(i64::MAX);
        let mut statement = database.connection.prepare(&sql)?;
        let rows =
            statement.query_map((after, limit), |row| to_dead_letter(row, &database.routes))?;
        rows.collect()
    }

    fn committed(&mut self, _: &Shared, _: &Self::Output) {}
}

/// How many dead letters each lane has.
pub(super) struct CountDead;

impl Operation for CountDead {
    type Output = HashMap<Arc<str>, u64>;
    const WRITES: bool = false;

    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<Self::Output> {
        let mut statement = database.connection.prepare_cached(
            "SELECT route, count(*) FROM calls WHERE state IN (4, 5) GROUP BY route",
        )?;
        let mut rows = statement.query([])?;
        let mut counts = HashMap::new();
        while let Some(row) = rows.next()? {
            let (lane, _) = database.routes.name(row.get(0)?)?;
            let count: i64 = row.get(1)?;
            *counts.entry(lane).or_default() += u64::try_from(count).unwrap_or_default();
        }
        Ok(counts)
    }

    fn committed(&mut self, _: &Shared, _: &Self::Output) {}
}
