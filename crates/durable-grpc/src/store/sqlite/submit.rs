//! Putting calls into the store.

use std::sync::Arc;

use rusqlite::{OptionalExtension as _, params};

use super::{
    Shared,
    lane::{Waiting, message_bytes},
    rows::{STARTED, WAITING, load_call, ms, to_ended},
    to_ms,
    writer::{Database, Operation},
};
use crate::{
    answer::encode_metadata,
    id::CallId,
    store::{EndKind, NewCall, StoreError, StoredCall, Submitted},
};

/// Persists calls, or finds what their keys name.
pub(super) struct Submit {
    calls: Vec<Incoming>,
    /// What goes into the lanes after the commit.
    accepted: Vec<(Arc<str>, Waiting)>,
}

/// A call, prepared on the caller's thread as far as possible: the writer serves everyone.
struct Incoming {
    call: Arc<StoredCall>,
    hash: [u8; 32],
    metadata: Option<Vec<u8>>,
    not_before_ms: Option<i64>,
}

impl Submit {
    pub(super) fn new(calls: Vec<NewCall>) -> Self {
        Self { calls: calls.into_iter().map(Incoming::new).collect(), accepted: Vec::new() }
    }
}

impl Incoming {
    fn new(new: NewCall) -> Self {
        let metadata = (!new.metadata.is_empty()).then(|| encode_metadata(&new.metadata));
        let call = StoredCall {
            id: new.id,
            lane: new.lane,
            method: new.method,
            key: new.key,
            metadata: new.metadata,
            payload: new.payload,
            policy: new.policy,
            attempts: 0,
            unsent: 0,
            lost: 0,
            ran_before: false,
        };
        let not_before_ms = new.not_before.map(to_ms);
        Self { call: Arc::new(call), hash: new.hash, metadata, not_before_ms }
    }

    fn due_ms(&self, now_ms: i64) -> i64 {
        self.not_before_ms.map_or(now_ms, |not_before| not_before.max(now_ms))
    }
}

impl Operation for Submit {
    type Output = Vec<Result<Submitted, StoreError>>;
    const WRITES: bool = true;

    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<Self::Output> {
        self.accepted.clear();
        let now_ms = database.shared.now_ms();
        let mut results = Vec::with_capacity(self.calls.len());
        for incoming in &self.calls {
            let known = match &incoming.call.key {
                Some(key) => find_key(database, &incoming.call, key)?,
                None => None,
            };
            results.push(match known {
                None => match room(database, incoming, &self.accepted) {
                    Ok(()) => {
                        let waiting = insert(database, incoming, now_ms)?;
                        self.accepted.push((incoming.call.lane.clone(), waiting));
                        Ok(Submitted::Accepted(incoming.call.id))
                    }
                    Err(full) => Err(full),
                },
                Some(known) if known.hash != incoming.hash => Ok(Submitted::Mismatch(known.id)),
                Some(known) if matches!(known.state, WAITING | STARTED) => {
                    Ok(Submitted::Attached(known.id))
                }
                Some(known) if known.runs_again() => {
                    match room(database, incoming, &self.accepted) {
                        Ok(()) => {
                            let waiting = run_again(database, incoming, &known, now_ms)?;
                            self.accepted.push((incoming.call.lane.clone(), waiting));
                            Ok(Submitted::Accepted(known.id))
                        }
                        Err(full) => Err(full),
                    }
                }
                Some(known) => {
                    let ended = to_ended(known.record.as_deref())?;
                    Ok(Submitted::Ended(known.id, Arc::new(ended)))
                }
            });
        }
        Ok(results)
    }

    fn committed(&mut self, shared: &Shared, _: &Self::Output) {
        let now_ms = shared.now_ms();
        let mut lanes = shared.lanes();
        for (lane, waiting) in self.accepted.drain(..) {
            lanes.push(&lane, waiting, now_ms);
        }
    }

    fn bytes(&self) -> usize {
        self.calls.iter().map(|incoming| incoming.call.payload.len()).sum()
    }
}

/// The call that a key names.
struct Known {
    seq: i64,
    id: CallId,
    hash: [u8; 32],
    state: u32,
    record: Option<Vec<u8>>,
}

impl Known {
    fn runs_again(&self) -> bool {
        EndKind::from_number(self.state).is_some_and(EndKind::runs_again)
    }
}

fn find_key(database: &Database, call: &StoredCall, key: &str) -> rusqlite::Result<Option<Known>> {
    let Some(route) = database.routes.find(&call.lane, &call.method) else { return Ok(None) };
    database
        .connection
        .prepare_cached(
            "SELECT calls.seq, calls.id, calls.hash, calls.state, calls.record
             FROM keys JOIN calls ON calls.seq = keys.call
             WHERE keys.route = ?1 AND keys.key = ?2",
        )?
        .query_row((route, key), |row| {
            Ok(Known {
                seq: row.get(0)?,
                id: CallId::from_bytes(row.get(1)?),
                hash: row.get(2)?,
                state: row.get(3)?,
                record: row.get(4)?,
            })
        })
        .optional()
}

/// Whether the lane may hold this call on top of what waits and what this submission has added.
fn room(
    database: &Database,
    incoming: &Incoming,
    accepted: &[(Arc<str>, Waiting)],
) -> Result<(), StoreError> {
    let lane = &incoming.call.lane;
    let same_lane = accepted.iter().filter(|(name, _)| name == lane);
    let added: u64 = same_lane.map(|(_, waiting)| u64::from(waiting.bytes)).sum();
    let waiting_bytes = database.shared.lanes().waiting_bytes(lane) + added;
    let limit = database.shared.lane_bytes;
    if waiting_bytes + incoming.call.payload.len() as u64 > limit {
        return Err(StoreError::LaneFull { lane: lane.to_string(), waiting_bytes, limit });
    }
    Ok(())
}

fn insert(database: &mut Database, incoming: &Incoming, now_ms: i64) -> rusqlite::Result<Waiting> {
    let call = &incoming.call;
    let Database { connection, routes, .. } = database;
    let route = routes.number(connection, &call.lane, &call.method)?;
    let due_ms = incoming.due_ms(now_ms);
    let expires_ms = due_ms.saturating_add(ms(call.policy.expires_in));
    connection
        .prepare_cached(
            "INSERT INTO calls (id, route, state, key, hash, idempotent, detached,
                                attempt_timeout_ms, expires_in_ms, max_attempts, submitted_at_ms,
                                due_at_ms, expires_at_ms, metadata, payload)
             VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            call.id.as_bytes(),
            route,
            call.key.as_deref(),
            incoming.hash,
            call.policy.idempotent,
            call.policy.detached,
            ms(call.policy.attempt_timeout),
            ms(call.policy.expires_in),
            call.policy.max_attempts,
            now_ms,
            due_ms,
            expires_ms,
            incoming.metadata,
            &call.payload[..],
        ])?;
    let seq = connection.last_insert_rowid();
    if let Some(key) = &call.key {
        connection
            .prepare_cached("INSERT INTO keys (route, key, call) VALUES (?1, ?2, ?3)")?
            .execute((route, &**key, seq))?;
    }
    Ok(Waiting {
        seq,
        id: call.id,
        due_ms,
        expires_ms,
        bytes: message_bytes(call.payload.len()),
        lost: 0,
        call: Some(call.clone()),
    })
}

/// Starts an ended call over, under its id and its first policy, with the bytes at hand.
fn run_again(
    database: &mut Database,
    incoming: &Incoming,
    known: &Known,
    now_ms: i64,
) -> rusqlite::Result<Waiting> {
    let Database { connection, routes, .. } = database;
    let due_ms = incoming.due_ms(now_ms);
    connection
        .prepare_cached(
            "UPDATE calls
             SET state = 0, submitted_at_ms = ?2, due_at_ms = ?3,
                 expires_at_ms = ?3 + expires_in_ms,
                 ran_before = ran_before OR attempts > 0 OR lost > 0,
                 attempts = 0, unsent = 0, lost = 0,
                 ended_at_ms = NULL, purge_at_ms = NULL, record = NULL, metadata = ?4,
                 payload = ?5
             WHERE seq = ?1",
        )?
        .execute(params![
            known.seq,
            now_ms,
            due_ms,
            incoming.metadata,
            &incoming.call.payload[..],
        ])?;
    waiting_again(load_call(connection, routes, known.seq)?, known.seq)
}

/// A row that waits again, as the lanes hold it.
pub(super) fn waiting_again(
    loaded: Option<super::rows::LoadedCall>,
    seq: i64,
) -> rusqlite::Result<Waiting> {
    let loaded = loaded.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(Waiting {
        seq,
        id: loaded.call.id,
        due_ms: loaded.due_ms,
        expires_ms: loaded.expires_ms,
        bytes: message_bytes(loaded.call.payload.len()),
        lost: loaded.call.lost,
        call: Some(Arc::new(loaded.call)),
    })
}
