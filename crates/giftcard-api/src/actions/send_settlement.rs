//! T2, P and T3 of a settlement: claim an attempt, ask or tell the provider, write what is proven.
//!
//! Each part is a function of its own, because the process may die between any two of them; what
//! it leaves behind is found by the next run of the scan.

use futures::StreamExt as _;
use platform::{
    Tx,
    provider::protocol::{Conclusion, Exchange, ask, retry_in},
    quarantine,
};
use sea_orm::ConnectionTrait;

use super::observe_transfer::record;
use crate::{
    domain::settlement::{AttemptState, SettlementState},
    error::{Error, Result},
    known_bad::KnownBad,
    service::Service,
    store::{
        alert,
        attempt::{self, Attempt, Change},
        line, merchant, settlement, time,
    },
};

/// Attempts taken up in one run of the scan; the rest follows a second later.
const ATTEMPTS_PER_RUN: u64 = 64;

/// Exchanges with the provider at a time: a slow one must not hold up all others.
const EXCHANGES: usize = 8;

/// Brings every attempt that is due one step further.
///
/// # Errors
/// When the attempts cannot be read; the failure of one is logged and does not stop the others.
pub(crate) async fn send_due(service: &Service) -> Result<()> {
    let due = attempt::due(service.db.read(), service.now_ms(), ATTEMPTS_PER_RUN).await?;
    futures::stream::iter(due)
        .for_each_concurrent(EXCHANGES, async |attempt| {
            let provider_ref = attempt.provider_ref.clone();
            if let Err(error) = drive(service, attempt).await {
                tracing::error!(
                    provider_ref,
                    error = format!("{error:#}"),
                    "settlement is put off"
                );
            }
        })
        .await;
    Ok(())
}

async fn drive(service: &Service, attempt: Attempt) -> Result<()> {
    if let Some((claimed, exchange)) = claim(service, attempt).await? {
        let sent = match service.misbehaves(KnownBad::RandomProviderKey) {
            true => Attempt {
                provider_ref: format!("{}_{}", claimed.provider_ref, uuid::Uuid::now_v7().simple()),
                ..claimed.clone()
            },
            false => claimed.clone(),
        };
        let conclusion =
            match ask(&*service.provider, sent.transfer(), sent.possible_sends, exchange).await {
                Conclusion::Unknown { reason }
                    if service.misbehaves(KnownBad::TimeoutTakenAsFailure) =>
                {
                    Conclusion::Refused { code: reason }
                }
                Conclusion::Unknown { reason }
                    if service.misbehaves(KnownBad::ResendRefusalTaken)
                        && reason.contains("a resend was refused") =>
                {
                    Conclusion::Refused { code: reason }
                }
                conclusion => conclusion,
            };
        write_down(service, &claimed, conclusion).await?;
    }
    Ok(())
}

/// T2: `sending`, with a lease. Returns the attempt as claimed, or none when somebody else has it
/// or the merchant may not be paid now.
pub(crate) async fn claim(
    service: &Service,
    attempt: Attempt,
) -> Result<Option<(Attempt, Exchange)>> {
    let now = service.clock.now();
    let now_ms = now.as_millisecond();
    let exchange = match attempt.state {
        AttemptState::Intent => Exchange::First,
        AttemptState::PendingProvider => Exchange::LookUp,
        AttemptState::Sending
        | AttemptState::Paid
        | AttemptState::Failed
        | AttemptState::Reversed => {
            let first_sent_at = attempt.first_sent_at.map(time);
            Exchange::of_unacknowledged(attempt.possible_sends, first_sent_at, now)
        }
    };
    let lease_ms = i64::from(service.config.settlement.lease_seconds) * 1_000;
    let until_ms = now_ms.saturating_add(lease_ms);
    let counts_as_send = exchange != Exchange::LookUp;
    let tx = service.db.begin("settlement_claim").await?;
    if exchange != Exchange::LookUp && quarantine::find(&tx).await?.is_some() {
        // What a restored database has not sent, the one before it may have.
        let due_ms = now_ms.saturating_add(millis(service.config.settlement.sweep()));
        attempt::put_off(&tx, &attempt, false, "in quarantine", due_ms).await?;
        tx.commit().await?;
        return Ok(None);
    }
    if exchange == Exchange::First {
        // Money that is not explained stops the next transfer, also one that is already written.
        let payee = merchant::lock(&tx, attempt.merchant_id).await?;
        if payee.is_none_or(|payee| payee.blocked_at.is_some()) {
            let due_ms = now_ms.saturating_add(millis(service.config.settlement.sweep()));
            attempt::put_off(&tx, &attempt, false, "the merchant is blocked", due_ms).await?;
            tx.commit().await?;
            return Ok(None);
        }
    }
    let sent_at = counts_as_send.then(|| first_sent_at(&attempt, now_ms));
    if !attempt::claim(&tx, &attempt, sent_at, until_ms, now_ms).await? {
        return Ok(None);
    }
    let mut claimed = attempt;
    if claimed.state == AttemptState::Intent {
        let step = (SettlementState::Intent, SettlementState::Sending);
        let (id, number) = (claimed.settlement_id, claimed.number);
        if !settlement::advance(&tx, id, step, number, "about to send", now_ms).await? {
            return Err(Error::CONTENDED);
        }
        claimed.state = AttemptState::Sending;
    }
    tx.commit().await?;
    claimed.claims += 1;
    claimed.due_at = until_ms;
    if counts_as_send {
        claimed.first_sent_at = Some(first_sent_at(&claimed, now_ms));
        claimed.possible_sends += 1;
    }
    Ok(Some((claimed, exchange)))
}

/// When the provider may have heard of the attempt first, with a send at `now_ms`.
fn first_sent_at(attempt: &Attempt, now_ms: i64) -> i64 {
    attempt.first_sent_at.filter(|_| attempt.possible_sends > 0).unwrap_or(now_ms)
}

/// T3, T3′, or the plan for another exchange.
pub(crate) async fn write_down(
    service: &Service,
    claimed: &Attempt,
    conclusion: Conclusion,
) -> Result<()> {
    match conclusion {
        Conclusion::Fact(transfer) => record(service, &transfer).await,
        Conclusion::Refused { code } => fail(service, claimed, &code).await,
        Conclusion::NotSent { reason } => put_off(service, claimed, true, &reason).await,
        Conclusion::Unknown { reason } => put_off(service, claimed, false, &reason).await,
        Conclusion::Ambiguous { reason } => {
            stuck(service.db.write(), claimed, &reason, service.now_ms()).await?;
            put_off(service, claimed, false, &reason).await
        }
    }
}

/// T3′: the only send was refused. Balances are as they were, and the lines stay.
async fn fail(service: &Service, claimed: &Attempt, code: &str) -> Result<()> {
    let now_ms = service.now_ms();
    let tx = service.db.begin("settlement_fail").await?;
    let current = attempt::lock(&tx, &claimed.provider_ref).await?;
    // Fenced: if somebody claimed the attempt meanwhile, this was not the only send.
    let is_ours = current.is_some_and(|current| {
        current.state == claimed.state
            && current.claims == claimed.claims
            && (current.possible_sends == 1 || service.misbehaves(KnownBad::ResendRefusalTaken))
    });
    if !is_ours {
        return Ok(());
    }
    give_up(&tx, claimed, code, None, now_ms).await?;
    if service.misbehaves(KnownBad::LinesReleasedOnFailure) {
        line::release(&tx, claimed.settlement_id).await?;
    }
    tx.commit().await?;
    tracing::warn!(provider_ref = claimed.provider_ref, code, "settlement failed");
    Ok(())
}

/// The attempt and its settlement have failed, for a reason that the caller has proven.
pub(crate) async fn give_up(
    tx: &Tx,
    attempt: &Attempt,
    code: &str,
    note: Option<&str>,
    now_ms: i64,
) -> Result<()> {
    let change = Change { failure_code: Some(code), note, ..Change::default() };
    let (from, to) = (attempt.state, AttemptState::Failed);
    let reason = match note {
        Some(_) => "declared failed by the operator",
        None => "refused by the provider",
    };
    let step = (from.of_settlement(), to.of_settlement());
    let (reference, number) = (&attempt.provider_ref, attempt.number);
    let failed = attempt::advance(tx, reference, (from, to), change, reason, now_ms).await?
        && settlement::advance(tx, attempt.settlement_id, step, number, reason, now_ms).await?;
    if failed { Ok(()) } else { Err(Error::CONTENDED) }
}

/// Plans another exchange. `unsent` takes back the send that the claim had counted.
async fn put_off(service: &Service, claimed: &Attempt, unsent: bool, reason: &str) -> Result<()> {
    let now = service.clock.now();
    let sweep = service.config.settlement.sweep();
    let wait = match claimed.state {
        AttemptState::PendingProvider => sweep,
        _ => retry_in(claimed.tries.saturating_add(1), sweep),
    };
    let due_ms = now.as_millisecond().saturating_add(millis(wait));
    let tx = service.db.begin("settlement_put_off").await?;
    if !attempt::put_off(&tx, claimed, unsent, reason, due_ms).await? {
        // Somebody else has claimed it meanwhile, or it is over: nobody is needed for that.
        return Ok(());
    }
    // A send that is taken back, however long it took, leaves nothing that could be forgotten.
    let sends = claimed.possible_sends - i32::from(unsent);
    let next = Exchange::of_unacknowledged(sends, claimed.first_sent_at.map(time), now);
    if claimed.state == AttemptState::Sending && next == Exchange::LookUp {
        let reason = "the provider shows no transfer and has forgotten the key";
        stuck(&tx, claimed, reason, now.as_millisecond()).await?;
    }
    tx.commit().await?;
    tracing::warn!(provider_ref = claimed.provider_ref, reason, "settlement has no result yet");
    Ok(())
}

fn millis(wait: std::time::Duration) -> i64 {
    i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
}

async fn stuck(
    conn: &impl ConnectionTrait,
    claimed: &Attempt,
    reason: &str,
    now_ms: i64,
) -> Result<()> {
    let kind = alert::Kind::AttemptStuck;
    alert::raise(conn, kind, &claimed.provider_ref, reason, now_ms).await?;
    Ok(())
}
