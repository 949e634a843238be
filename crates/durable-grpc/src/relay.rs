//! Submits the rows of an outbox until each of them is answered.
//!
//! An action that needs a call *because* state changed writes a row in the same transaction. The
//! relay submits the row under its key and with its bytes, as often as it takes; the key makes the
//! repetitions one call. The row stays until its answer is recorded, so a crash anywhere between is
//! harmless, and a call store that lost its memory is simply told again. Rows whose lane takes no
//! calls for now stay in the outbox, and are submitted as soon as it does.

mod pending;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::{
    sync::{Mutex, Notify},
    task::{JoinHandle, JoinSet},
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use self::pending::Pending;
use crate::{
    calls::Calls,
    outcome::{Outcome, end_kind, is_lane_shut, outcome},
    raw::RawCall,
    store::EndKind,
};

/// How often the outbox is looked at without being asked to.
const POLL: Duration = Duration::from_secs(1);
/// How many rows are in flight unless the builder says otherwise. A waiting row costs one task.
const DEFAULT_CONCURRENCY: usize = 256;
/// How long one row waits for its answer unless the builder says otherwise: far longer than a healthy
/// callee needs, so that deferrals mean something.
const ROW_WAIT: Duration = Duration::from_secs(10);
/// How many rows the relay keeps in mind, in flight or backing off: what a source is asked to
/// exclude stays below the number of variables that a database statement may have.
const MAX_HELD: usize = 4096;
/// How long a shutdown lets rows in flight finish. Abandoning them loses nothing.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// What a source reports when it cannot do its part.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// A table of calls to be made. Rows are independent of each other and have no order.
#[async_trait]
pub trait OutboxSource: Send + Sync + 'static {
    /// At most `limit` rows that still need an answer, oldest first, without those in `excluding`:
    /// they are in flight, or back off after a deferral.
    async fn due(&self, limit: usize, excluding: &[String]) -> Result<Vec<OutboxRow>, SourceError>;

    /// Records the answer, so that the row is not due again. When this fails, the row is submitted
    /// again later and meets the same answer; it may therefore be called more than once.
    async fn answered(&self, row: &OutboxRow, answer: Answer) -> Result<(), SourceError>;

    /// Hears that the row has no answer yet and will be tried again. For the record only.
    async fn deferred(&self, row: &OutboxRow, reason: &str);
}

/// One row of an outbox.
#[derive(Clone)]
pub struct OutboxRow {
    /// Names the row within its source.
    pub id: String,
    /// The lane to go through.
    pub lane: String,
    /// The method's path, `/package.Service/Method`.
    pub method: String,
    /// The key of the call.
    pub key: String,
    /// The encoded message, the same bytes each time.
    pub payload: Bytes,
}

impl std::fmt::Debug for OutboxRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboxRow")
            .field("id", &self.id)
            .field("lane", &self.lane)
            .field("method", &self.method)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// How the call of a row ended.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The callee's reply, encoded.
    Reply(Bytes),
    /// The callee's refusal. This alone is a reason to compensate.
    Refused(Status),
    /// The method is not idempotent, and whether it was executed is not known. An operator replays or
    /// discards the dead letter.
    Ambiguous(Status),
    /// The call was given up, cancelled or discarded. A row that stays due runs it again.
    Dead(Status),
    /// The key belongs to other bytes: a fault of the program, to be alerted. Never a refusal.
    Mismatch(Status),
}

/// A running relay. Clones drive the same one.
#[derive(Clone)]
pub struct Relay {
    wake: Arc<Notify>,
    stopping: CancellationToken,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Relay {
    /// Puts a relay together.
    pub fn builder(calls: &Calls, source: Arc<dyn OutboxSource>) -> RelayBuilder {
        RelayBuilder {
            calls: calls.clone(),
            source,
            concurrency: DEFAULT_CONCURRENCY,
            wait: ROW_WAIT,
        }
    }

    /// Looks at the outbox now. To be called after a transaction that wrote rows has committed.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Takes no further rows and lets those in flight finish for a few seconds. What is left is
    /// submitted again by the next relay.
    pub async fn shutdown(&self) {
        self.stopping.cancel();
        if let Some(task) = self.task.lock().await.take() {
            _ = task.await;
        }
    }
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").finish_non_exhaustive()
    }
}

/// Collects what a [`Relay`] needs.
#[must_use]
pub struct RelayBuilder {
    calls: Calls,
    source: Arc<dyn OutboxSource>,
    concurrency: usize,
    wait: Duration,
}

impl RelayBuilder {
    /// How many rows are in flight at a time. The default is 256.
    pub fn concurrency(mut self, rows: usize) -> Self {
        self.concurrency = rows.clamp(1, MAX_HELD / 2);
        self
    }

    /// How long a row waits for its answer before it makes room for others. The call goes on
    /// meanwhile, and the row's next turn attaches to it. The default is 10 s.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Starts. Must be called within a tokio runtime. The relay runs until it is shut down.
    pub fn spawn(self) -> Relay {
        let wake = Arc::new(Notify::new());
        let stopping = CancellationToken::new();
        let task = tokio::spawn(run(self, wake.clone(), stopping.clone()));
        Relay { wake, stopping, task: Arc::new(Mutex::new(Some(task))) }
    }
}

async fn run(relay: RelayBuilder, wake: Arc<Notify>, stopping: CancellationToken) {
    let mut polls = interval(POLL);
    polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pending = Pending::default();
    let mut rows: JoinSet<Settled> = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stopping.cancelled() => break,
            Some(finished) = rows.join_next_with_id() => {
                pending.settle(finished, Instant::now(), rand::random());
                // A full house left rows waiting outside. They come in by groups: a look at the
                // outbox for each free place would cost more than the place is worth.
                let free = relay.concurrency - rows.len();
                if !pending.had_more() || free < relay.concurrency.div_ceil(4) {
                    continue;
                }
            }
            () = wake.notified() => {}
            _ = polls.tick() => {}
        }
        if rows.len() < relay.concurrency {
            take_rows(&relay, &mut pending, &mut rows).await;
        }
    }
    let drained =
        tokio::time::timeout(SHUTDOWN_GRACE, async { while rows.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::info!(count = rows.len(), "outbox rows are left to the next relay");
    }
}

async fn take_rows(relay: &RelayBuilder, pending: &mut Pending, rows: &mut JoinSet<Settled>) {
    let gates = &relay.calls.inner.gates;
    pending.release(Instant::now(), |lane| gates.of(lane).standing());
    let held = pending.held();
    let free = (relay.concurrency - rows.len()).min(MAX_HELD.saturating_sub(held.len()));
    if free == 0 {
        return;
    }
    let due = match relay.source.due(free, &held).await {
        Ok(due) => due,
        Err(error) => {
            tracing::warn!(%error, "outbox could not be read");
            return;
        }
    };
    pending.taken(due.len() >= free);
    for row in due {
        if pending.admit(&row.id) {
            let (calls, source) = (relay.calls.clone(), relay.source.clone());
            let (wait, id) = (relay.wait, row.id.clone());
            let task = rows.spawn(async move { send(&calls, &*source, wait, row).await });
            pending.spawned(task.id(), id);
        }
    }
}

/// What became of a row's turn.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Settled {
    Answered,
    Deferred,
    /// Its lane does not take calls.
    Shut {
        lane: String,
    },
}

async fn send(calls: &Calls, source: &dyn OutboxSource, wait: Duration, row: OutboxRow) -> Settled {
    let call = RawCall {
        key: Some(row.key.clone()),
        deadline: Some(wait),
        ..RawCall::new(row.lane.clone(), row.method.clone(), row.payload.clone())
    };
    let answer = match calls.call_raw(call).await {
        Ok(reply) => Ok(Answer::Reply(reply.message)),
        Err(status) => judge(status),
    };
    let (reason, settled) = match answer {
        Ok(answer) => {
            if let Answer::Mismatch(status) = &answer {
                tracing::error!(
                    row = row.id, key = row.key, method = row.method, %status,
                    "outbox row has other bytes than the call under its key"
                );
            }
            match source.answered(&row, answer).await {
                Ok(()) => return Settled::Answered,
                Err(error) => (format!("answer could not be recorded: {error}"), Settled::Deferred),
            }
        }
        Err(status) => {
            let shut = Settled::Shut { lane: row.lane.clone() };
            let settled = if is_lane_shut(&status) { shut } else { Settled::Deferred };
            (format!("{:?}: {}", status.code(), status.message()), settled)
        }
    };
    source.deferred(&row, &reason).await;
    settled
}

/// The answer that a failed call is, or the status when it is none yet.
fn judge(status: Status) -> Result<Answer, Status> {
    match (outcome(&status), end_kind(&status)) {
        (None, _) => Ok(Answer::Refused(status)),
        (Some(Outcome::Mismatch), _) => Ok(Answer::Mismatch(status)),
        (_, Some(EndKind::Ambiguous)) => Ok(Answer::Ambiguous(status)),
        (_, Some(EndKind::Dead | EndKind::Cancelled | EndKind::Discarded)) => {
            Ok(Answer::Dead(status))
        }
        // Refused by the library itself, as it will be each time: the row cannot become a call.
        (Some(Outcome::NotAccepted), None)
            if matches!(
                status.code(),
                Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented
            ) =>
        {
            Ok(Answer::Dead(status))
        }
        _ => Err(status),
    }
}
