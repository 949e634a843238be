//! The publish saga: reserve every prize, then take the money, or cancel everything that may have
//! been reserved. Whoever holds the lease drives; every write is fenced; every step may be repeated.
//!
//! | step | done by |
//! |---|---|
//! | reserve batches, in parallel | `reserve` |
//! | take the money, forward only from then on | `commit` |
//! | let go of the money | `abort` |
//! | cancel every batch, in parallel | `cancel` |
//!
//! Confirmations are in the outbox: `take_answers` hears of them.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use contracts::{lane, method, refusal::Refusal};
use durable_grpc::{Outcome, RawCall, outcome};
use futures::future::join_all;
use jiff::SignedDuration;
use ledger::{
    Money,
    holds::{self, HoldState},
};
use platform::{
    outbox::{self, NewCall},
    quarantine,
};
use sea_orm::DbBackend;
use tokio::task::JoinHandle;
use tonic::Status;

use super::host_debt;
use crate::{
    domain::{
        books,
        giveaway::GiveawayState,
        saga::{BatchState, Next, OPERATOR_AFTER, SagaState, next, pause},
    },
    ids::{BatchId, EscrowId, HostId, SagaId},
    known_bad::KnownBad,
    service::Service,
    store::{
        giveaway, host,
        saga::{self, batch, lease},
        unit,
    },
};

/// How long one turn waits for the answers to its calls. The calls go on meanwhile, and the next
/// turn attaches to them.
const CALL_WAIT: Duration = Duration::from_secs(10);

/// How long a driver may be silent before another instance takes over: longer than a turn.
const LEASE: SignedDuration = SignedDuration::from_secs(15);

/// Sagas taken over in one scan.
const SWEEP_LIMIT: u64 = 100;

/// The sagas that this process drives right now: its own lease is not taken over when a clock jumps.
#[derive(Debug, Default)]
pub struct Driving(Mutex<HashSet<SagaId>>);

impl Driving {
    fn enter(&self, id: SagaId) -> Option<Seat<'_>> {
        let is_first = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        is_first.then(|| Seat { driving: self, id })
    }
}

/// A saga that is being driven. Ends with its driver, also when that panics: otherwise nobody in
/// this process would ever drive the saga again.
struct Seat<'a> {
    driving: &'a Driving,
    id: SagaId,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.driving.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// Drives a saga in a task of its own until it ends or has to wait. The handle may be dropped.
pub(crate) fn spawn(service: &Arc<Service>, id: SagaId) -> JoinHandle<()> {
    let driver = service.clone();
    service.shutdown.spawn(async move {
        let Some(_seat) = driver.driving.enter(id) else { return };
        if let Err(error) = take_turns(&driver, id).await {
            tracing::error!(saga = %id, error = format!("{error:#}"), "a saga's turn failed");
        }
    })
}

/// Takes over every saga whose time has come, each in a task of its own: a poisoned one holds up
/// nobody. Also flags sagas that wait for confirmations for too long.
///
/// # Errors
/// When the database fails.
pub async fn sweep(service: &Arc<Service>) -> anyhow::Result<()> {
    let now = service.clock.now();
    for saga in lease::due(service.db.read(), now, SWEEP_LIMIT).await? {
        drop(spawn(service, saga.saga_id()));
    }
    let since = now - SignedDuration::try_from(OPERATOR_AFTER)?;
    // Looked at before it is written to: this runs every second, and mostly there is nothing.
    if lease::has_unconfirmed(service.db.read(), since).await? {
        let flagged = lease::flag_unconfirmed(service.db.write(), since).await?;
        tracing::error!(flagged, "published giveaways wait for their escrows to be confirmed");
    }
    Ok(())
}

/// Ends the leases of the process before this one, which need not be waited for: a SQLite file has
/// one process at a time. On PostgreSQL other instances may be alive, and theirs count.
///
/// # Errors
/// When the database fails.
pub(crate) async fn take_over(service: &Service) -> anyhow::Result<()> {
    if service.db.engine() == DbBackend::Sqlite {
        lease::end_all(service.db.write()).await?;
    }
    Ok(())
}

/// What a turn led to.
enum Turn {
    /// Something changed, here or by somebody else: go on at once, if the lease is ours still.
    Further,
    /// Some calls are not answered, or not as hoped: rest, then try again.
    Wait,
}

/// Drives a saga if nobody else does, until the process is to end.
async fn take_turns(service: &Service, id: SagaId) -> anyhow::Result<()> {
    let saga = saga::find(service.db.write(), id).await?.context("the saga is gone")?;
    let now = service.clock.now();
    let Some(fence) = lease::take(service.db.write(), &saga, now, LEASE).await? else {
        return Ok(());
    };
    tokio::select! {
        driven = drive(service, id, fence) => driven,
        // What was being done is done again by whoever takes the lease next, and need not wait for it.
        () = service.shutdown.requested() => {
            Ok(lease::give_back(service.db.write(), id, fence).await?)
        }
    }
}

async fn drive(service: &Service, id: SagaId, fence: i64) -> anyhow::Result<()> {
    loop {
        let saga = saga::find(service.db.write(), id).await?.context("the saga is gone")?;
        let turn = match saga.state()? {
            SagaState::Reserving => reserve(service, &saga, fence).await,
            SagaState::Compensating => cancel(service, &saga, fence).await,
            // Forward only, by the outbox; or over.
            SagaState::Committed | SagaState::Confirmed | SagaState::Compensated => {
                rest(service, &saga, fence, 0).await?;
                return Ok(());
            }
        };
        let is_resting = match turn {
            Ok(Turn::Further) => false,
            Ok(Turn::Wait) => rest(service, &saga, fence, saga.turns.saturating_add(1)).await?,
            Err(error) => {
                rest(service, &saga, fence, saga.turns.saturating_add(1)).await?;
                return Err(error);
            }
        };
        let until = service.clock.now() + LEASE;
        if is_resting || !lease::keep(service.db.write(), id, fence, until).await? {
            return Ok(());
        }
    }
}

/// Gives the lease back until the next turn is due. False when it is lost, or when the saga was moved
/// on during this turn, as by [`super::resolve_escrows`]: what that asks for does not wait.
async fn rest(
    service: &Service,
    saga: &saga::Model,
    fence: i64,
    turns: i32,
) -> anyhow::Result<bool> {
    let now = service.clock.now();
    let pause = pause(u32::try_from(turns).unwrap_or(0));
    let in_state = now.duration_since(platform::clock::from_millis(saga.changed_at));
    let is_old = in_state > SignedDuration::try_from(OPERATOR_AFTER)?;
    let needs_operator = is_old && !saga.state()?.is_terminal();
    if needs_operator && !saga.needs_operator {
        tracing::error!(saga = %saga.saga_id(), state = saga.state, "a saga needs an operator");
    }
    let next = now + SignedDuration::try_from(pause)?;
    Ok(lease::rest(service.db.write(), saga, fence, turns, next, needs_operator).await?)
}

/// R(i): sends every batch that is maybe reserved, in parallel, with the bytes that were stored.
async fn reserve(service: &Service, saga: &saga::Model, fence: i64) -> anyhow::Result<Turn> {
    let id = saga.saga_id();
    let batches = batch::of_saga(service.db.write(), id).await?;
    let states: Vec<BatchState> =
        batches.iter().map(batch::Model::state).collect::<Result<_, _>>()?;
    let is_overdue = service.clock.now_ms() >= saga.deadline_at;
    match next(states.iter().copied(), is_overdue) {
        Next::Commit => {
            let turn = commit(service, saga, fence, &batches).await?;
            return match turn {
                // The prizes are there, but the money may not be taken, and the host has waited enough.
                Turn::Wait if is_overdue => abort(service, saga, fence, "in quarantine").await,
                turn => Ok(turn),
            };
        }
        Next::Abort => return abort(service, saga, fence, "not reserved in time").await,
        Next::Reserve => {}
    }
    let planned = batches.iter().zip(&states).filter(|(_, state)| **state == BatchState::Planned);
    let calls = planned.map(async |(batch, _)| {
        let (step, method) = ("reserve", method::RESERVE_ESCROWS);
        let answer = call(service, saga, batch, step, method, &batch.reserve_request).await;
        let to = BatchState::Reserved;
        (answer.is_ok(), record(service, id, fence, batch, BatchState::Planned, to, answer).await)
    });
    let mut refusal = None;
    let mut all_reserved = true;
    for (reserved, recorded) in join_all(calls).await {
        match recorded? {
            Recorded::Done => {}
            Recorded::Refused(reason) => refusal = Some(reason),
            Recorded::Lost => return Ok(Turn::Further),
            Recorded::Unknown => {}
        }
        all_reserved &= reserved;
    }
    match refusal {
        Some(refusal) => abort(service, saga, fence, &refusal.to_string()).await,
        None if all_reserved => Ok(Turn::Further),
        None => Ok(Turn::Wait),
    }
}

/// T2: in one transaction the money is taken, the saga is committed, and the confirmations are in
/// the outbox. When the commit's outcome is unknown, the hold tells it.
async fn commit(
    service: &Service,
    saga: &saga::Model,
    fence: i64,
    batches: &[batch::Model],
) -> anyhow::Result<Turn> {
    let id = saga.saga_id();
    let now = service.clock.now();
    let tx = service.db.begin("saga_commit").await?;
    giveaway::lock(&tx, saga.giveaway()).await?;
    if !is_ours(&tx, id, fence, SagaState::Reserving).await? {
        return Ok(Turn::Further);
    }
    if quarantine::find(&tx).await?.is_some() {
        tracing::warn!(saga = %id, "no money is taken in quarantine");
        return Ok(Turn::Wait);
    }
    let currency = saga.currency.parse()?;
    let escrows = saga::items(&tx, id)
        .await?
        .into_iter()
        .map(|item| (EscrowId(item.escrow_id), ledger::Money::new(item.value_minor, currency)));
    holds::capture(&tx, id.0, books::captured(service.mode(), escrows), now).await?;
    saga::advance(
        &tx,
        id,
        SagaState::Reserving,
        SagaState::Committed,
        "every prize is reserved",
        now,
    )
    .await?;
    if service.misbehaviour.is(KnownBad::ScheduledBeforeConfirmed) {
        let (from, to) = (GiveawayState::Funding, GiveawayState::Scheduled);
        giveaway::advance(&tx, saga.giveaway(), from, to, "too early", now).await?;
    }
    for batch in batches {
        let confirm = NewCall {
            lane: lane::GIFTCARD,
            method: method::CONFIRM_ESCROWS,
            key: key(id, batch, "confirm"),
            subject: batch.id,
            payload: batch.confirm_request.clone(),
            not_before_ms: 0,
        };
        outbox::enqueue(&tx, confirm, now.as_millisecond()).await?;
    }
    if let Err(error) = tx.commit().await {
        // Read back, never guessed. If not even that is possible, the next turn finds out.
        let hold = holds::find(service.db.write(), id.0).await?;
        if hold.is_none_or(|hold| hold.state != HoldState::Captured) {
            return Err(error).context("the money was not taken");
        }
        tracing::warn!(saga = %id, %error, "the commit was reported as failed, and has happened");
    }
    tracing::info!(saga = %id, giveaway = %saga.giveaway(), "funded");
    service.wake_relay();
    Ok(Turn::Further)
}

/// X0: the saga turns back, and the money is let go.
async fn abort(
    service: &Service,
    saga: &saga::Model,
    fence: i64,
    reason: &str,
) -> anyhow::Result<Turn> {
    let id = saga.saga_id();
    let tx = service.db.begin("saga_abort").await?;
    giveaway::lock(&tx, saga.giveaway()).await?;
    if !is_ours(&tx, id, fence, SagaState::Reserving).await? {
        return Ok(Turn::Further);
    }
    turn_back(service, &tx, id, reason).await?;
    tx.commit().await?;
    tracing::info!(saga = %id, reason, "a saga turned back");
    Ok(Turn::Further)
}

/// Turns a saga back that is locked and has not decided, and lets the money go: what the host owes is
/// paid from it first.
///
/// # Errors
/// When the database fails.
pub(crate) async fn turn_back(
    service: &Service,
    tx: &platform::Tx,
    id: SagaId,
    reason: &str,
) -> anyhow::Result<()> {
    let now = service.clock.now();
    let (from, to) = (SagaState::Reserving, SagaState::Compensating);
    anyhow::ensure!(
        saga::advance(tx, id, from, to, reason, now).await?,
        "{id} changed under its lock"
    );
    let saga = saga::find(tx, id).await?.context("a saga was deleted")?;
    let (host, amount) =
        (HostId(saga.host_id), Money::new(saga.amount_minor, saga.currency.parse()?));
    host::lock(tx, host).await?;
    holds::release(tx, id.0, now).await?;
    host_debt::repay(service, tx, host, (id.0, amount), now).await?;
    Ok(())
}

/// X(i): cancels every batch, also those that may never have been reserved, in parallel; each
/// outcome is recorded. The giveaway is a draft again once all are confirmed.
async fn cancel(service: &Service, saga: &saga::Model, fence: i64) -> anyhow::Result<Turn> {
    let id = saga.saga_id();
    let batches = batch::of_saga(service.db.write(), id).await?;
    let mut calls = Vec::new();
    for batch in &batches {
        let from = batch.state()?;
        if from == BatchState::Cancelled {
            continue;
        }
        calls.push(async move {
            let (step, method) = ("cancel", method::CANCEL_ESCROWS);
            let answer = call(service, saga, batch, step, method, &batch.cancel_request).await;
            record(service, id, fence, batch, from, BatchState::Cancelled, answer).await
        });
    }
    let mut all_cancelled = true;
    for recorded in join_all(calls).await {
        match recorded? {
            Recorded::Done => {}
            Recorded::Lost => return Ok(Turn::Further),
            // A cancellation is never refused by a healthy callee; it is tried for ever, and after
            // an hour an operator looks at it.
            Recorded::Refused(refusal) => {
                tracing::error!(saga = %id, %refusal, "a cancellation was refused");
                all_cancelled = false;
            }
            Recorded::Unknown => all_cancelled = false,
        }
    }
    if !all_cancelled {
        return Ok(Turn::Wait);
    }
    let now = service.clock.now();
    let tx = service.db.begin("saga_compensated").await?;
    giveaway::lock(&tx, saga.giveaway()).await?;
    if !is_ours(&tx, id, fence, SagaState::Compensating).await? {
        return Ok(Turn::Further);
    }
    let reason = saga.reason.as_deref().unwrap_or("compensated");
    saga::advance(&tx, id, SagaState::Compensating, SagaState::Compensated, reason, now).await?;
    let (from, to) = (GiveawayState::Funding, GiveawayState::Draft);
    giveaway::advance(&tx, saga.giveaway(), from, to, reason, now).await?;
    giveaway::clear_rules(&tx, saga.giveaway(), saga.draft_opens_at).await?;
    unit::remove(&tx, saga.giveaway()).await?;
    tx.commit().await?;
    Ok(Turn::Further)
}

/// What became of a call about a batch, and of writing it down.
enum Recorded {
    Done,
    /// The callee's own decision, the only one to act on.
    Refused(Refusal),
    /// Nothing is known: the same bytes are sent again.
    Unknown,
    /// Somebody else drives the saga now; nothing was written.
    Lost,
}

/// Writes down what a call about a batch led to, if nobody took the saga over meanwhile.
async fn record(
    service: &Service,
    saga: SagaId,
    fence: i64,
    row: &batch::Model,
    from: BatchState,
    to: BatchState,
    answer: Result<(), Status>,
) -> anyhow::Result<Recorded> {
    let id = BatchId(row.id);
    let Err(status) = answer else {
        let tx = service.db.begin("saga_batch").await?;
        let saga = saga::lock(&tx, saga).await?;
        if saga.is_none_or(|saga| saga.fence != fence) {
            return Ok(Recorded::Lost);
        }
        batch::advance(&tx, id, from, to, service.clock.now()).await?;
        tx.commit().await?;
        return Ok(Recorded::Done);
    };
    let note = format!("{:?}: {}", status.code(), status.message());
    batch::note(service.db.write(), saga, fence, id, &note).await?;
    if outcome(&status) == Some(Outcome::Mismatch) {
        tracing::error!(%saga, batch = row.number, "a batch has other bytes than the call under its key");
    }
    Ok(match (outcome(&status), Refusal::of(&status)) {
        (None, Some(refusal)) => {
            batch::refuse(service.db.write(), saga, fence, id, &refusal.to_string()).await?;
            Recorded::Refused(refusal)
        }
        _ => Recorded::Unknown,
    })
}

async fn call(
    service: &Service,
    saga: &saga::Model,
    batch: &batch::Model,
    step: &str,
    method: &str,
    request: &[u8],
) -> Result<(), Status> {
    let call = RawCall {
        key: Some(key(saga.saga_id(), batch, step)),
        deadline: Some(CALL_WAIT),
        ..RawCall::new(lane::GIFTCARD, method, request.to_vec())
    };
    service.calls.call_raw(call).await.map(|_| ())
}

/// What names a call of a saga for ever.
fn key(saga: SagaId, batch: &batch::Model, step: &str) -> String {
    format!("{saga}:{}:{step}", batch.number)
}

/// Whether the saga is in this state and its lease is ours still; locks it.
async fn is_ours(
    tx: &platform::Tx,
    id: SagaId,
    fence: i64,
    state: SagaState,
) -> anyhow::Result<bool> {
    let saga = saga::lock(tx, id).await?.context("the saga is gone")?;
    Ok(saga.fence == fence && saga.state()? == state)
}
