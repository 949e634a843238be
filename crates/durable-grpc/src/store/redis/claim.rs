//! Taking calls out of a lane.
//!
//! A reader is one owner in one lane, with a connection of its own, because it blocks. An answer of
//! the server that is lost on its way (the caller went away, the connection broke) has handed calls
//! out that nobody knows of: the next read begins with what the owner has pending and was not told.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{Cmd, Value, cmd};

use super::{
    Lane, Shared,
    codec::{array, decode_entry, delivery_of, integer, text},
    link::{Connection, Failure},
    lock, repair, script,
};
use crate::store::{Claim, Owner, Receipt, StoreError, TargetHealth};

/// The group to which all workers of a lane belong.
const GROUP: &str = "workers";
/// Reads what no worker has been given yet.
const NEW: &str = ">";

/// The longest that one read blocks; who wants to wait longer reads again.
const MAX_BLOCK: Duration = Duration::from_secs(5);

/// The readers of this process, by owner and lane.
#[derive(Default)]
pub(super) struct Readers(Mutex<ByLane>);

type ByLane = HashMap<(Owner, Arc<str>), Arc<Reader>>;

#[derive(Default)]
struct Reader {
    state: tokio::sync::Mutex<State>,
    /// The server has the owner's first heartbeat.
    known: AtomicBool,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    /// An answer may have been lost.
    behind: bool,
}

impl Readers {
    pub(super) async fn claim(
        &self,
        shared: &Arc<Shared>,
        owner: Owner,
        name: &str,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Claim>, StoreError> {
        let lane = shared.lane(name);
        let reader = self.reader(owner, &lane);
        lane.promoter.start(shared, &lane);
        // Before the first claim, so that nobody ever holds one whose silence is not noticed.
        if !reader.known.load(Ordering::Acquire) {
            beat(shared, &lane, owner, "").await?;
            reader.known.store(true, Ordering::Release);
        }
        let mut state = reader.state.lock().await;
        let mut connection = match state.connection.take() {
            Some(connection) => connection,
            None => shared.link.for_blocking(MAX_BLOCK).await?,
        };
        if state.behind {
            let claims = unheard(shared, &mut connection, &lane, owner, limit).await?;
            // A full hand may not have been all.
            state.behind = claims.len() >= limit;
            if !claims.is_empty() {
                state.connection = Some(connection);
                return Ok(claims);
            }
        }
        // Until the answer is read, whatever ends this future leaves calls behind.
        state.behind = true;
        let read = read(&lane, owner, limit, wait);
        let entries = query(&mut connection, &lane, &read).await?;
        let claims = take(shared, &lane, owner, entries)?;
        state.behind = false;
        state.connection = Some(connection);
        Ok(claims)
    }

    /// Renews the lease in every lane that the owner reads or reports on.
    pub(super) async fn beat(
        &self,
        shared: &Arc<Shared>,
        owner: Owner,
        reports: &[(Arc<str>, TargetHealth)],
    ) -> Result<(), StoreError> {
        for (name, health) in reports {
            let report = match health {
                TargetHealth::Up => "up".to_owned(),
                TargetHealth::Down { retry_after } => format!("down {}", retry_after.as_millis()),
            };
            let lane = shared.lane(name);
            // Listed, so that a release takes the report back.
            self.reader(owner, &lane);
            beat(shared, &lane, owner, &report).await?;
        }
        for name in self.lanes_of(owner) {
            if reports.iter().all(|(reported, _)| *reported != name) {
                beat(shared, &shared.lane(&name), owner, "").await?;
            }
        }
        Ok(())
    }

    /// Gives everything up that the owner holds.
    pub(super) async fn release(
        &self,
        shared: &Arc<Shared>,
        owner: Owner,
    ) -> Result<usize, StoreError> {
        let mut released = 0;
        for name in self.lanes_of(owner) {
            released += repair::take_from(shared, &shared.lane(&name), Some(owner)).await?;
        }
        shared.held.let_all_go(owner);
        lock(&self.0).retain(|(of, _), _| *of != owner);
        Ok(released)
    }

    fn lanes_of(&self, owner: Owner) -> Vec<Arc<str>> {
        let readers = lock(&self.0);
        readers.keys().filter(|(of, _)| *of == owner).map(|(_, lane)| lane.clone()).collect()
    }

    fn reader(&self, owner: Owner, lane: &Lane) -> Arc<Reader> {
        lock(&self.0).entry((owner, lane.name.clone())).or_default().clone()
    }
}

async fn beat(shared: &Shared, lane: &Lane, owner: Owner, report: &str) -> Result<(), StoreError> {
    let mut script = script::BEAT.call(shared, &lane.prefix);
    script.arg(owner.to_string()).arg(report);
    let now_ms = script.run(shared).await?;
    if let Some(now_ms) = integer(&now_ms) {
        shared.heard_time(now_ms);
    }
    Ok(())
}

fn read(lane: &Lane, owner: Owner, count: usize, wait: Duration) -> Cmd {
    let mut read = cmd("XREADGROUP");
    read.arg("GROUP").arg(GROUP).arg(owner.to_string()).arg("COUNT").arg(count);
    // A block of 0 would be for ever.
    if wait >= Duration::from_millis(1) {
        read.arg("BLOCK").arg(super::duration_ms(wait.min(MAX_BLOCK)));
    }
    read.arg("STREAMS").arg(lane.stream()).arg(NEW);
    read
}

/// Reads; a group that is not there, because nobody has read before or the server lost its memory, is
/// made and begins with the first entry.
async fn query(
    connection: &mut Connection,
    lane: &Lane,
    read: &Cmd,
) -> Result<Vec<Value>, StoreError> {
    let reply = match connection.query(read).await.map_err(Failure::of) {
        Err(failure) if failure.has_code("NOGROUP") => {
            let mut create = cmd("XGROUP");
            create.arg("CREATE").arg(lane.stream()).arg(GROUP).arg("0").arg("MKSTREAM");
            match connection.query(&create).await {
                // Another worker was quicker.
                Err(error) if error.code() == Some("BUSYGROUP") => {}
                created => _ = created.map_err(Failure::of)?,
            }
            connection.query(read).await.map_err(Failure::of)?
        }
        reply => reply?,
    };
    // One stream was asked for: its name, then its entries.
    let Some(stream) = array(reply)?.pop() else { return Ok(Vec::new()) };
    array(stream)?.pop().map_or(Ok(Vec::new()), array)
}

/// What the owner has pending and was never told of. Whoever was handed out here is known before the
/// server is asked: a call that is finished in between must not be taken for unheard.
async fn unheard(
    shared: &Shared,
    connection: &mut Connection,
    lane: &Lane,
    owner: Owner,
    limit: usize,
) -> Result<Vec<Claim>, StoreError> {
    let known = shared.held.entries(owner, &lane.name);
    let mut pending = cmd("XPENDING");
    pending.arg(lane.stream()).arg(GROUP).arg("-").arg("+");
    pending.arg(limit + known.len()).arg(owner.to_string());
    let pending = match connection.query(&pending).await.map_err(Failure::of) {
        // Without a group nobody has anything.
        Err(failure) if failure.has_code("NOGROUP") => return Ok(Vec::new()),
        pending => array(pending?)?,
    };
    let mut entries = Vec::new();
    for entry in pending {
        let entry = array(entry)?;
        let Some(stream_id) = entry.first().and_then(text) else { continue };
        if !known.contains(stream_id) && entries.len() < limit {
            let mut range = cmd("XRANGE");
            range.arg(lane.stream()).arg(stream_id).arg(stream_id);
            entries.extend(array(connection.query(&range).await.map_err(Failure::of)?)?);
        }
    }
    take(shared, lane, owner, entries)
}

/// The entries as claims of this owner.
fn take(
    shared: &Shared,
    lane: &Lane,
    owner: Owner,
    entries: Vec<Value>,
) -> Result<Vec<Claim>, StoreError> {
    let now_ms = shared.now_ms();
    let mut claims = Vec::with_capacity(entries.len());
    for entry in entries {
        let mut entry = array(entry)?.into_iter();
        let stream_id = entry.next().as_ref().and_then(text).map(str::to_owned);
        // An entry without fields was deleted: its call was cancelled or taken over meanwhile.
        let Some(Value::Array(fields)) = entry.next() else { continue };
        let Some((stream_id, (call, expires_ms))) = stream_id.zip(decode_entry(fields, &lane.name))
        else {
            tracing::error!(lane = &*lane.name, "an entry of the lane's stream cannot be read");
            continue;
        };
        let delivery = delivery_of(&stream_id);
        let receipt = Receipt { id: call.id, lane: lane.name.clone(), owner, delivery };
        let left_ms = u64::try_from(expires_ms - now_ms).unwrap_or_default();
        // Our idea of the server's time may be a little behind.
        let time_left = Duration::from_millis(left_ms).min(call.policy.expires_in);
        let call = Arc::new(call);
        shared.held.take(&receipt, &stream_id, &call);
        claims.push(Claim { receipt, call, time_left });
    }
    Ok(claims)
}
