//! One request from idempotency key to stored answer, with the faults on its way.
//!
//! ```text
//!   transport faults: late, lost, refused, failing          every send
//!   └─ one transaction:
//!        key known?  same request → stored answer           replay
//!                    other request → refusal
//!        record faults: what is stored in place of the answer
//!        effect + log entry + events + stored answer
//!   transport faults: answer lost or replaced
//! ```

use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;

use crate::actions::UnitOfWork;
use crate::bank::Bank;
use crate::domain::fault::{Class, Fault, Target};
use crate::domain::later;
use crate::error::BankError;
use crate::store::faults::{self, Struck};
use crate::store::idempotency::{self, Record};
use crate::store::{events, transfers};

/// How late a slow request is, unless the fault says otherwise.
const SLOW_MS: u32 = 2_000;

/// How long an answer that never comes keeps its connection open: longer than clients wait.
const SILENCE_MS: u32 = 60_000;

/// How long a transfer under [`Fault::RefuseResend`] stays hidden when no resend comes.
const HIDDEN_MS: u32 = 10 * 60 * 1_000;

/// An idempotency key and what it was sent with.
pub(crate) struct Key {
    pub(crate) value: String,
    /// A hash of method, path and body.
    pub(crate) fingerprint: [u8; 32],
}

/// A complete answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// Whether it was stored by an earlier request with the same key.
    pub(crate) is_replay: bool,
}

impl Answer {
    /// A fresh answer.
    pub(crate) fn new(status: u16, body: &Value) -> Self {
        Self { status, body: body.to_string(), is_replay: false }
    }
}

/// How a request ends.
pub(crate) enum Ending {
    /// With an answer.
    Answered(Answer),
    /// With a connection that is closed.
    Cut,
}

/// Performs a request that may have an effect. It runs to its end even when the client hangs up.
///
/// # Errors
/// What the effect refuses, and what faults make of it. Nothing has changed then, except under
/// [`Fault::ErrorAfterEffect`].
pub(crate) async fn perform<F>(
    bank: &Bank,
    target: Target,
    key: Option<Key>,
    effect: F,
) -> Result<Ending, BankError>
where
    F: FnOnce(&UnitOfWork<'_>) -> Result<Answer, BankError> + Send + 'static,
{
    let bank = bank.clone();
    let performed = tokio::spawn(async move {
        let on_the_way = take_transport_fault(&bank, target).await?;
        if let Some(ending) = before_effect(&bank, on_the_way).await? {
            return Ok(ending);
        }
        let ending = execute(&bank, target, key, effect).await?;
        after_effect(&bank, on_the_way, ending).await
    });
    match performed.await {
        Ok(ended) => ended,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime goes down, and with it the connection.
            Err(_) => Ok(Ending::Cut),
        },
    }
}

/// Performs a request that only reads.
pub(crate) async fn perform_read<F>(bank: &Bank, read: F) -> Result<Ending, BankError>
where
    F: FnOnce(&Connection) -> Result<Answer, BankError> + Send + 'static,
{
    let on_the_way = take_transport_fault(bank, Target::Reads).await?;
    if let Some(ending) = before_effect(bank, on_the_way).await? {
        return Ok(ending);
    }
    // A read's own refusal travels inside the store's success.
    let answer = bank.store().read(move |tx| Ok(read(tx))).await??;
    after_effect(bank, on_the_way, Ending::Answered(answer)).await
}

/// Looks before it writes: without faults a request costs one sync of the disk, not two.
async fn take_transport_fault(bank: &Bank, target: Target) -> rusqlite::Result<Option<Struck>> {
    let class = Class::Transport;
    if !bank.store().read(move |tx| faults::is_ordered(tx, class, target)).await? {
        return Ok(None);
    }
    bank.store().write(move |tx| faults::take(tx, class, target)).await
}

/// What strikes before the effect. `Some` ends the request without one.
async fn before_effect(bank: &Bank, struck: Option<Struck>) -> Result<Option<Ending>, BankError> {
    let Some(Struck { fault, delay_ms }) = struck else { return Ok(None) };
    match fault {
        Fault::Slow => {
            let went_down = pause(bank, delay_ms.unwrap_or(SLOW_MS)).await;
            Ok(went_down.then_some(Ending::Cut))
        }
        Fault::CloseBeforeEffect => Ok(Some(Ending::Cut)),
        Fault::ErrorBeforeEffect => Err(BankError::Internal),
        Fault::Refuse => Err(BankError::InsufficientFunds),
        Fault::RateLimit => Err(BankError::RateLimited),
        _ => Ok(None),
    }
}

/// What strikes after the effect, on the way of the answer.
async fn after_effect(
    bank: &Bank,
    struck: Option<Struck>,
    ending: Ending,
) -> Result<Ending, BankError> {
    let Some(Struck { fault, delay_ms }) = struck else { return Ok(ending) };
    match fault {
        Fault::TimeoutAfterSuccess => {
            pause(bank, delay_ms.unwrap_or(SILENCE_MS)).await;
            Ok(Ending::Cut)
        }
        Fault::CloseAfterSuccess => Ok(Ending::Cut),
        Fault::ErrorAfterEffect => Err(BankError::Internal),
        _ => Ok(ending),
    }
}

/// Effect, log, events and stored answer in one transaction.
async fn execute<F>(
    bank: &Bank,
    target: Target,
    key: Option<Key>,
    effect: F,
) -> Result<Ending, BankError>
where
    F: FnOnce(&UnitOfWork<'_>) -> Result<Answer, BankError> + Send + 'static,
{
    let config = bank.config().clone();
    let now = bank.now();
    let work = move |tx: &rusqlite::Transaction<'_>| {
        let mut unit = UnitOfWork { tx, now, config: &config, hidden_until: None };
        let Some(key) = key else { return effect(&unit).map(Ending::Answered) };
        if let Some(record) = idempotency::find(tx, &key.value, now)? {
            return replay(&unit, &key, record).map(Ending::Answered);
        }
        let struck = faults::take(tx, Class::Record, target)?;
        let fault = struck.map(|struck| struck.fault);
        if fault == Some(Fault::RefuseResend) {
            let hidden_ms = struck.and_then(|struck| struck.delay_ms).unwrap_or(HIDDEN_MS);
            unit.hidden_until = Some(later(now, hidden_ms));
        }
        let answer = match fault {
            Some(Fault::StoredErrorBeforeEffect) => internal_error(),
            Some(Fault::StoredErrorAfterEffect) => {
                effect(&unit)?;
                internal_error()
            }
            _ => effect(&unit)?,
        };
        let record = Record {
            fingerprint: key.fingerprint.to_vec(),
            status: answer.status,
            body: answer.body.clone(),
            refuse_resend: fault == Some(Fault::RefuseResend),
        };
        let expires_at =
            now.checked_add(config.idempotency_key_lifetime).unwrap_or(jiff::Timestamp::MAX);
        idempotency::insert(tx, &key.value, &record, now, expires_at)?;
        Ok(if record.refuse_resend { Ending::Cut } else { Ending::Answered(answer) })
    };
    bank.store().write(work).await
}

/// What a resend gets. One that a fault refuses still succeeds for the store: it uses the refusal
/// up and lets the first send be seen.
fn replay(unit: &UnitOfWork<'_>, key: &Key, record: Record) -> Result<Answer, BankError> {
    if record.fingerprint != key.fingerprint {
        return Err(BankError::KeyReuse);
    }
    if record.refuse_resend {
        idempotency::stop_refusing(unit.tx, &key.value)?;
        for transfer_id in transfers::reveal(unit.tx, &key.value)? {
            events::release(unit.tx, &transfer_id, unit.now)?;
        }
        let refusal = BankError::InsufficientFunds;
        return Ok(Answer::new(refusal.status(), &refusal.body()));
    }
    Ok(Answer { status: record.status, body: record.body, is_replay: true })
}

fn internal_error() -> Answer {
    Answer::new(BankError::Internal.status(), &BankError::Internal.body())
}

/// Waits; `true` when the bank went down meanwhile.
async fn pause(bank: &Bank, ms: u32) -> bool {
    let pause = tokio::time::sleep(Duration::from_millis(u64::from(ms)));
    bank.stopping().run_until_cancelled(pause).await.is_none()
}
