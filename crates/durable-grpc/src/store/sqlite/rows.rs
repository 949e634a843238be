//! Rows to values and back.

use std::{collections::HashMap, sync::Arc, time::Duration};

use rusqlite::{Connection, OptionalExtension as _, Row, types::Type};

use super::{duration_ms, from_ms};
use crate::{
    answer::decode_metadata,
    id::CallId,
    store::{CallState, CallView, DeadLetter, Ended, Policy, StoredCall},
};

pub(super) const WAITING: u32 = 0;
pub(super) const STARTED: u32 = 1;
// Ended calls have the number of their `EndKind`, from 2 on.

/// The lanes and methods that have a number.
#[derive(Debug, Default)]
pub(super) struct Routes {
    by_name: HashMap<(Arc<str>, Arc<str>), i64>,
    by_number: HashMap<i64, (Arc<str>, Arc<str>)>,
}

impl Routes {
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut routes = Self::default();
        let mut statement = connection.prepare("SELECT id, lane, method FROM routes")?;
        let mut rows = statement.query([])?;
        // One allocation for each lane, however many methods it has.
        let mut lanes: HashMap<String, Arc<str>> = HashMap::new();
        while let Some(row) = rows.next()? {
            let lane: String = row.get(1)?;
            let lane = lanes.entry(lane).or_insert_with_key(|lane| lane.as_str().into()).clone();
            routes.insert(row.get(0)?, lane, row.get::<_, String>(2)?.into());
        }
        Ok(routes)
    }

    /// The number of a route, if it has one.
    pub(super) fn find(&self, lane: &Arc<str>, method: &Arc<str>) -> Option<i64> {
        self.by_name.get(&(lane.clone(), method.clone())).copied()
    }

    /// The number of a route; a new one is written in the running transaction.
    pub(super) fn number(
        &mut self,
        connection: &Connection,
        lane: &Arc<str>,
        method: &Arc<str>,
    ) -> rusqlite::Result<i64> {
        if let Some(number) = self.find(lane, method) {
            return Ok(number);
        }
        connection
            .prepare_cached("INSERT INTO routes (lane, method) VALUES (?1, ?2)")?
            .execute((&**lane, &**method))?;
        let number = connection.last_insert_rowid();
        self.insert(number, lane.clone(), method.clone());
        Ok(number)
    }

    pub(super) fn name(&self, number: i64) -> rusqlite::Result<(Arc<str>, Arc<str>)> {
        self.by_number.get(&number).cloned().ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    pub(super) fn numbers_of_lane(&self, lane: &str) -> Vec<i64> {
        let of_lane = self.by_number.iter().filter(|(_, (name, _))| &**name == lane);
        of_lane.map(|(number, _)| *number).collect()
    }

    fn insert(&mut self, number: i64, lane: Arc<str>, method: Arc<str>) {
        self.by_name.insert((lane.clone(), method.clone()), number);
        self.by_number.insert(number, (lane, method));
    }
}

/// An unfinished call with what the lanes keep about it.
pub(super) struct LoadedCall {
    pub(super) call: StoredCall,
    pub(super) due_ms: i64,
    pub(super) expires_ms: i64,
}

/// Reads one call with its message.
pub(super) fn load_call(
    connection: &Connection,
    routes: &Routes,
    seq: i64,
) -> rusqlite::Result<Option<LoadedCall>> {
    connection
        .prepare_cached(
            "SELECT id, route, key, idempotent, detached, attempt_timeout_ms, expires_in_ms,
                    max_attempts, due_at_ms, expires_at_ms, attempts, unsent, lost, metadata,
                    payload, ran_before
             FROM calls WHERE seq = ?1",
        )?
        .query_row([seq], |row| {
            let (lane, method) = routes.name(row.get(1)?)?;
            let metadata: Option<Vec<u8>> = row.get(13)?;
            let call = StoredCall {
                id: CallId::from_bytes(row.get(0)?),
                lane,
                method,
                key: row.get::<_, Option<String>>(2)?.map(Into::into),
                metadata: decode_metadata(&metadata.unwrap_or_default())
                    .ok_or_else(|| corrupt(13, "metadata"))?,
                payload: row.get::<_, Option<Vec<u8>>>(14)?.unwrap_or_default().into(),
                policy: Policy {
                    idempotent: row.get(3)?,
                    detached: row.get(4)?,
                    attempt_timeout: to_duration(row.get(5)?),
                    expires_in: to_duration(row.get(6)?),
                    max_attempts: row.get(7)?,
                },
                attempts: row.get(10)?,
                unsent: row.get(11)?,
                lost: row.get(12)?,
                ran_before: row.get(15)?,
            };
            Ok(LoadedCall { call, due_ms: row.get(8)?, expires_ms: row.get(9)? })
        })
        .optional()
}

/// The columns of a [`CallView`], for [`to_view`].
pub(super) const VIEW: &str =
    "id, route, key, hash, submitted_at_ms, attempts, lost, state, record, ended_at_ms, payload";

/// Reads a row of [`VIEW`] columns. Whether an unfinished call runs is known in memory only.
pub(super) fn to_view(
    row: &Row<'_>,
    routes: &Routes,
    is_claimed: impl Fn(CallId) -> bool,
) -> rusqlite::Result<CallView> {
    let id = CallId::from_bytes(row.get(0)?);
    let (lane, method) = routes.name(row.get(1)?)?;
    let state: u32 = row.get(7)?;
    let state = match state {
        STARTED => CallState::Running,
        WAITING if is_claimed(id) => CallState::Running,
        WAITING => CallState::Waiting,
        _ => CallState::Ended(Arc::new(to_ended(row.get_ref(8)?.as_blob_or_null()?)?)),
    };
    Ok(CallView {
        id,
        lane,
        method,
        key: row.get::<_, Option<String>>(2)?.map(Into::into),
        hash: row.get(3)?,
        submitted_at: from_ms(row.get(4)?),
        attempts: row.get(5)?,
        lost: row.get(6)?,
        state,
    })
}

/// Reads a row of [`VIEW`] columns that is a dead letter.
pub(super) fn to_dead_letter(row: &Row<'_>, routes: &Routes) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        call: to_view(row, routes, |_| false)?,
        died_at: from_ms(row.get::<_, Option<i64>>(9)?.unwrap_or_default()),
        payload: row.get::<_, Option<Vec<u8>>>(10)?.unwrap_or_default().into(),
    })
}

pub(super) fn to_ended(record: Option<&[u8]>) -> rusqlite::Result<Ended> {
    record.and_then(Ended::decode).ok_or_else(|| corrupt(8, "record"))
}

pub(super) fn ms(duration: Duration) -> i64 {
    duration_ms(duration)
}

fn to_duration(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}

fn corrupt(column: usize, what: &'static str) -> rusqlite::Error {
    let message = format!("{what} of a call cannot be read");
    rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, message.into())
}
