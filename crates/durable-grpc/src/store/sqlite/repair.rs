//! Everything that is not the straight path: cancelling, dead letters, lost claims, retention, and
//! messages that were left on disk.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{OptionalExtension as _, params};

use super::{
    Shared,
    lane::Waiting,
    rows::{STARTED, WAITING, load_call, ms},
    submit::waiting_again,
    writer::{Database, Operation},
};
use crate::{
    id::CallId,
    store::{Cancelled, EndKind, Ended, Owner, Retention, StoreError, StoredCall, retention},
};

/// Takes a waiting call out, or signals the worker of a running one.
pub(super) struct Cancel {
    id: CallId,
    /// Taken out of its lane while the transaction runs, so that nobody claims it meanwhile.
    taken: Option<(Arc<str>, Waiting)>,
    ended: Option<Arc<Ended>>,
}

impl Cancel {
    pub(super) const fn new(id: CallId) -> Self {
        Self { id, taken: None, ended: None }
    }
}

impl Operation for Cancel {
    type Output = Result<Cancelled, StoreError>;
    const WRITES: bool = true;

    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<Self::Output> {
        let Some(row) = find(database, self.id)? else { return Ok(Ok(Cancelled::NotFound)) };
        if !matches!(row.state, WAITING | STARTED) {
            return Ok(Ok(Cancelled::AlreadyEnded));
        }
        let (lane, _) = database.routes.name(row.route)?;
        let waiting = {
            let mut lanes = database.shared.lanes();
            if lanes.is_claimed(self.id) {
                return Ok(Ok(Cancelled::Signalled));
            }
            lanes.remove(&lane, row.seq)
        };
        let Some(waiting) = waiting else {
            // Its submission shares this very commit and reaches its lane only afterwards.
            let busy = "call is just being submitted".to_owned();
            return Ok(Err(StoreError::NotWritten(busy)));
        };
        let may_have_executed = row.attempts > 0 || waiting.lost > 0 || row.ran_before;
        self.taken = Some((lane, waiting));
        let ended = Ended::cancelled(may_have_executed);
        write_end(database, &row, &ended)?;
        self.ended = Some(Arc::new(ended));
        Ok(Ok(Cancelled::Removed { may_have_executed }))
    }

    fn committed(&mut self, shared: &Shared, output: &Self::Output) {
        self.taken = None;
        if let Some(ended) = self.ended.take() {
            shared.tell(|watcher| watcher.ended(vec![(self.id, Some(ended.clone()))]));
        }
        if *output == Ok(Cancelled::Signalled) {
            shared.lanes().mark_cancelling(self.id);
            shared.tell(|watcher| watcher.cancelled(vec![self.id]));
        }
    }

    fn rolled_back(&mut self, shared: &Shared) {
        self.ended = None;
        if let Some((lane, waiting)) = self.taken.take() {
            shared.lanes().push(&lane, waiting, shared.now_ms());
        }
    }
}

/// Runs a dead letter again.
pub(super) struct Replay {
    id: CallId,
    waiting: Option<(Arc<str>, Waiting)>,
}

impl Replay {
    pub(super) const fn new(id: CallId) -> Self {
        Self { id, waiting: None }
    }
}

impl Operation for Replay {
    type Output = bool;
    const WRITES: bool = true;

    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<bool> {
        let Some(row) = find(database, self.id)?.filter(Row::is_dead_letter) else {
            return Ok(false);
        };
        database
            .connection
            .prepare_cached(
                "UPDATE calls
                 SET state = 0, due_at_ms = ?2, expires_at_ms = ?2 + expires_in_ms,
                     ran_before = ran_before OR attempts > 0 OR lost > 0,
                     attempts = 0, unsent = 0, lost = 0, ended_at_ms = NULL, record = NULL
                 WHERE seq = ?1",
            )?
            .execute((row.seq, database.shared.now_ms()))?;
        let loaded = load_call(&database.connection, &database.routes, row.seq)?;
        let (lane, _) = database.routes.name(row.route)?;
        self.waiting = Some((lane, waiting_again(loaded, row.seq)?));
        Ok(true)
    }

    fn committed(&mut self, shared: &Shared, _: &bool) {
        if let Some((lane, waiting)) = self.waiting.take() {
            shared.lanes().push(&lane, waiting, shared.now_ms());
        }
    }

    fn rolled_back(&mut self, _: &Shared) {
        self.waiting = None;
    }
}

/// Ends a dead letter for good.
pub(super) struct Discard {
    id: CallId,
}

impl Discard {
    pub(super) const fn new(id: CallId) -> Self {
        Self { id }
    }
}

impl Operation for Discard {
    type Output = bool;
    const WRITES: bool = true;

    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<bool> {
        let Some(row) = find(database, self.id)?.filter(Row::is_dead_letter) else {
            return Ok(false);
        };
        let ended = Ended::without_answer(EndKind::Discarded, String::new(), true);
        write_end(database, &row, &ended)?;
        Ok(true)
    }

    fn committed(&mut self, _: &Shared, _: &bool) {}
}

/// Takes the claims of workers that are gone.
pub(super) struct GiveUp {
    owners: Vec<Owner>,
    /// What does not wait again: it may have been sent and must not be sent twice, or was cancelled.
    ended: HashMap<CallId, Arc<Ended>>,
}

impl GiveUp {
    pub(super) fn new(owners: Vec<Owner>) -> Self {
        Self { owners, ended: HashMap::new() }
    }
}

impl Operation for GiveUp {
    type Output = usize;
    const WRITES: bool = true;

    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<usize> {
        self.ended.clear();
        let held = database.shared.lanes().begin_give_up(&self.owners);
        let count = held.len();
        for (id, lost) in held {
            let Some(row) = find(database, id)? else { continue };
            // The row knows of a mark that was made in this very transaction.
            let ended = if row.state == STARTED {
                let ended = Ended::lost_after_start();
                write_ambiguous(database, row.seq, &ended, lost.call.lost.saturating_add(1))?;
                ended
            } else if row.state == WAITING && lost.cancelling {
                let ended = Ended::cancelled(true);
                write_end(database, &row, &ended)?;
                ended
            } else {
                continue;
            };
            self.ended.insert(id, Arc::new(ended));
        }
        Ok(count)
    }

    fn committed(&mut self, shared: &Shared, _: &usize) {
        shared.lanes().give_up(&self.owners, |id| self.ended.contains_key(&id), shared.now_ms());
        if !self.ended.is_empty() {
            let ended: Vec<_> = self.ended.drain().map(|(id, ended)| (id, Some(ended))).collect();
            shared.tell(|watcher| watcher.ended(ended.clone()));
        }
    }

    fn rolled_back(&mut self, shared: &Shared) {
        shared.lanes().abandon_give_up(&self.owners);
    }
}

/// Removes what retention has let go.
pub(super) struct Sweep {
    limit: usize,
}

impl Sweep {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit }
    }
}

impl Operation for Sweep {
    type Output = usize;
    const WRITES: bool = true;

    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<usize> {
        let connection = &database.connection;
        let mut due = connection.prepare_cached(
            "SELECT seq, route, key FROM calls
             WHERE purge_at_ms <= ?1 ORDER BY purge_at_ms LIMIT ?2",
        )?;
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let due: Vec<(i64, i64, Option<String>)> = due
            .query_map((database.shared.now_ms(), limit), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        let mut delete = connection.prepare_cached("DELETE FROM calls WHERE seq = ?1")?;
        let mut delete_key =
            connection.prepare_cached("DELETE FROM keys WHERE route = ?1 AND key = ?2")?;
        for (seq, route, key) in &due {
            delete.execute([seq])?;
            if let Some(key) = key {
                delete_key.execute((route, key))?;
            }
        }
        Ok(due.len())
    }

    fn committed(&mut self, _: &Shared, _: &usize) {}
}

/// Reads messages of calls whose turn comes.
pub(super) struct Load {
    lane: String,
    seqs: Vec<i64>,
}

impl Load {
    pub(super) fn new(lane: &str, seqs: Vec<i64>) -> Self {
        Self { lane: lane.to_owned(), seqs }
    }
}

impl Operation for Load {
    type Output = HashMap<i64, Arc<StoredCall>>;
    const WRITES: bool = false;

    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<Self::Output> {
        let mut loaded = HashMap::with_capacity(self.seqs.len());
        for seq in &self.seqs {
            if let Some(found) = load_call(&database.connection, &database.routes, *seq)? {
                loaded.insert(*seq, Arc::new(found.call));
            }
        }
        Ok(loaded)
    }

    fn committed(&mut self, shared: &Shared, output: &Self::Output) {
        shared.lanes().fill(&self.lane, &self.seqs, output.clone());
    }

    fn rolled_back(&mut self, shared: &Shared) {
        shared.lanes().load_failed(&self.lane);
    }
}

/// What the operations here have to know about a call.
struct Row {
    seq: i64,
    route: i64,
    state: u32,
    keyed: bool,
    detached: bool,
    attempts: u32,
    ran_before: bool,
}

impl Row {
    fn is_dead_letter(&self) -> bool {
        EndKind::from_number(self.state).is_some_and(EndKind::is_dead_letter)
    }
}

fn find(database: &Database, id: CallId) -> rusqlite::Result<Option<Row>> {
    database
        .connection
        .prepare_cached(
            "SELECT seq, route, state, key IS NOT NULL, detached, attempts, ran_before
             FROM calls WHERE id = ?1",
        )?
        .query_row([id.as_bytes()], |row| {
            Ok(Row {
                seq: row.get(0)?,
                route: row.get(1)?,
                state: row.get(2)?,
                keyed: row.get(3)?,
                detached: row.get(4)?,
                attempts: row.get(5)?,
                ran_before: row.get(6)?,
            })
        })
        .optional()
}

fn write_end(database: &Database, row: &Row, ended: &Ended) -> rusqlite::Result<()> {
    let now_ms = database.shared.now_ms();
    let purge_at_ms = match retention(ended, row.keyed, row.detached) {
        Retention::None => Some(now_ms),
        Retention::For(time) => Some(now_ms.saturating_add(ms(time))),
        Retention::UntilHandled => None,
    };
    database
        .connection
        .prepare_cached(
            "UPDATE calls
             SET state = ?2, record = ?3, ended_at_ms = ?4, purge_at_ms = ?5, payload = NULL,
                 metadata = NULL
             WHERE seq = ?1",
        )?
        .execute(params![row.seq, ended.kind.number(), ended.encode(), now_ms, purge_at_ms])?;
    Ok(())
}

fn write_ambiguous(
    database: &Database,
    seq: i64,
    ended: &Ended,
    lost: u32,
) -> rusqlite::Result<()> {
    database
        .connection
        .prepare_cached(
            "UPDATE calls SET state = ?2, record = ?3, ended_at_ms = ?4, lost = ?5
             WHERE seq = ?1 AND state < 2",
        )?
        .execute(params![
            seq,
            ended.kind.number(),
            ended.encode(),
            database.shared.now_ms(),
            lost
        ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        sync::Mutex,
        time::{Duration, Instant},
    };

    use bytes::Bytes;
    use http::HeaderMap;

    use super::{
        super::{
            SqliteOptions,
            finish::Started,
            open::{FileLock, open},
            submit::Submit,
        },
        *,
    };
    use crate::{
        clock::SystemClock,
        store::{Claim, NewCall, Policy, Receipt, Recorded},
    };

    /// What the writer works on, with one call that is not idempotent.
    struct Desk {
        database: Database,
        _lock: FileLock,
        _folder: tempfile::TempDir,
    }

    impl Desk {
        fn with_a_charge() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let opened = open(&folder.path().join("calls.db"), &SqliteOptions::default()).unwrap();
            let shared = Shared {
                clock: Arc::new(SystemClock),
                lane_bytes: 1000,
                lanes: Mutex::new(opened.lanes),
                watchers: crate::store::watchers::Watchers::default(),
            };
            let (connection, routes, shared) = (opened.connection, opened.routes, Arc::new(shared));
            let database = Database { connection, routes, shared };
            let mut desk = Self { database, _lock: opened.lock, _folder: folder };
            let charge = NewCall {
                id: CallId::generate(),
                lane: "till".into(),
                method: "/shop.v1.Till/Charge".into(),
                key: None,
                hash: [0; 32],
                metadata: HeaderMap::new(),
                payload: Bytes::new(),
                policy: Policy {
                    idempotent: false,
                    detached: false,
                    attempt_timeout: Duration::from_secs(10),
                    expires_in: Duration::from_mins(1),
                    max_attempts: None,
                },
                not_before: None,
            };
            desk.commit(&mut Submit::new(vec![charge]));
            desk
        }

        fn commit<O: Operation>(&mut self, operation: &mut O) {
            let output = operation.apply(&mut self.database).unwrap();
            operation.committed(&self.database.shared, &output);
        }

        fn claim(&self, owner: Owner) -> Option<Claim> {
            let shared = &self.database.shared;
            let (now, now_ms) = (Instant::now(), shared.now_ms());
            shared.lanes().claim(owner, "till", 1, now, now_ms).claims.pop()
        }
    }

    fn marking(receipt: &Receipt) -> Started {
        Started::new(vec![receipt.clone()])
    }

    /// A worker that was silent for a lease comes back while its claims are taken. Sent by it and by
    /// the next one, the call would be executed twice.
    #[test]
    fn a_mark_in_the_commit_that_takes_the_claim_is_fenced_or_makes_it_ambiguous() {
        let (silent, next) = (Owner::generate(), Owner::generate());

        let mut desk = Desk::with_a_charge();
        let claim = desk.claim(silent).unwrap();
        let (mut give_up, mut mark) = (GiveUp::new(vec![silent]), marking(&claim.receipt));
        let count = give_up.apply(&mut desk.database).unwrap();
        let marked = mark.apply(&mut desk.database).unwrap();
        assert_eq!(marked, [Ok(Recorded::Fenced)]);
        give_up.committed(&desk.database.shared, &count);
        mark.committed(&desk.database.shared, &marked);
        assert_eq!(desk.claim(next).unwrap().call.lost, 1);

        let mut desk = Desk::with_a_charge();
        let claim = desk.claim(silent).unwrap();
        let (mut give_up, mut mark) = (GiveUp::new(vec![silent]), marking(&claim.receipt));
        let marked = mark.apply(&mut desk.database).unwrap();
        let count = give_up.apply(&mut desk.database).unwrap();
        assert_eq!(marked, [Ok(Recorded::Done)]);
        mark.committed(&desk.database.shared, &marked);
        give_up.committed(&desk.database.shared, &count);
        assert!(desk.claim(next).is_none());
        let row = find(&desk.database, claim.call.id).unwrap().unwrap();
        assert_eq!(row.state, EndKind::Ambiguous.number());
    }

    #[test]
    fn a_claim_that_could_not_be_taken_stays_with_its_owner() {
        let owner = Owner::generate();
        let mut desk = Desk::with_a_charge();
        let claim = desk.claim(owner).unwrap();
        let mut give_up = GiveUp::new(vec![owner]);
        assert_eq!(give_up.apply(&mut desk.database).unwrap(), 1);
        give_up.rolled_back(&desk.database.shared);

        let marked = marking(&claim.receipt).apply(&mut desk.database).unwrap();

        assert_eq!(marked, [Ok(Recorded::Done)]);
    }
}
