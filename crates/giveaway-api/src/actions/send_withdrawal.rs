//! A withdrawal goes to the provider and its answer into the books: claim it, ask or tell the provider,
//! write what is proven. The process may die between any two of these; the next run finds what is left.

use std::time::Duration;

use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use ledger::holds;
use platform::{
    Tx,
    clock::from_millis,
    provider::protocol::{Conclusion, Exchange, ask, retry_in},
    quarantine,
};

use super::{host_debt, observe_withdrawal::record};
use crate::{
    domain::withdrawal::WithdrawalState,
    error::{Error, Result},
    ids::HostId,
    service::Service,
    store::{
        host,
        withdrawal::{self, Model, Outcome},
    },
};

/// Withdrawals taken up in one run; the rest follows a second later.
const PER_RUN: u64 = 64;

/// Exchanges with the provider at a time: a slow one must not hold up all others.
const EXCHANGES: usize = 8;

/// How long nobody else takes up what we have claimed: longer than the adapter waits for any answer.
const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// How long a withdrawal may take before an operator is called. It goes on all the same.
const OPERATOR_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// The longest wait between two exchanges.
pub(crate) const SWEEP: Duration = Duration::from_secs(60);

/// Brings every withdrawal that is due one step further.
///
/// # Errors
/// When they cannot be read; the failure of one is logged and does not stop the others.
pub async fn send_due(service: &Service) -> Result<()> {
    let due = withdrawal::due(service.db.read(), service.clock.now(), PER_RUN).await?;
    futures::stream::iter(due)
        .for_each_concurrent(EXCHANGES, async |row| {
            let id = row.id();
            if let Err(error) = drive(service, row).await {
                tracing::error!(%id, error = format!("{error:#}"), "withdrawal is put off");
            }
        })
        .await;
    Ok(())
}

/// Ends the leases of the process before this one, where one process owns the database.
///
/// # Errors
/// When the database fails.
pub(crate) async fn take_over(service: &Service) -> anyhow::Result<()> {
    if service.db.engine() == sea_orm::DbBackend::Sqlite {
        withdrawal::end_leases(service.db.write(), service.clock.now()).await?;
    }
    Ok(())
}

async fn drive(service: &Service, row: Model) -> Result<()> {
    let Some((claimed, exchange)) = claim(service, row).await? else { return Ok(()) };
    let sends = claimed.possible_sends;
    match ask(&*service.provider, claimed.transfer(), sends, exchange).await {
        Conclusion::Fact(transfer) => record(service, &transfer).await,
        Conclusion::Refused { code } => fail(service, &claimed, &code).await,
        Conclusion::NotSent { reason } => put_off(service, &claimed, true, &reason).await,
        Conclusion::Unknown { reason } => put_off(service, &claimed, false, &reason).await,
        Conclusion::Ambiguous { reason } => {
            call_operator(service.db.write(), &claimed, &reason).await?;
            put_off(service, &claimed, false, &reason).await
        }
    }
}

/// `sending`, with a lease. Returns the row as claimed, or none when somebody else has it or the money
/// may not leave now.
async fn claim(service: &Service, row: Model) -> Result<Option<(Model, Exchange)>> {
    let now = service.clock.now();
    let state = row.state()?;
    let exchange = match state {
        WithdrawalState::Intent => Exchange::First,
        WithdrawalState::PendingProvider => Exchange::LookUp,
        _ => {
            Exchange::of_unacknowledged(row.possible_sends, row.first_sent_at.map(from_millis), now)
        }
    };
    let tx = service.db.begin("withdrawal_claim").await?;
    // Before the host, as whoever sees its transfer does.
    withdrawal::lock(&tx, &row.provider_ref).await?;
    if let Some(why) = obstacle(&tx, &row, exchange).await? {
        withdrawal::put_off(&tx, &row, false, why, later(now, SWEEP)).await?;
        call_if_late(&tx, &row, now, why).await?;
        tx.commit().await?;
        return Ok(None);
    }
    let counts_as_send = exchange != Exchange::LookUp;
    let first_sent_at =
        row.first_sent_at.filter(|_| row.possible_sends > 0).unwrap_or(now.as_millisecond());
    let sent_at = counts_as_send.then_some(first_sent_at);
    let until = now.checked_add(LEASE).map_err(anyhow::Error::from)?;
    if !withdrawal::claim(&tx, &row, sent_at, until, now).await? {
        return Ok(None);
    }
    tx.commit().await?;
    let mut claimed = row;
    if state == WithdrawalState::Intent {
        claimed.state = WithdrawalState::Sending.as_str().to_owned();
    }
    claimed.claims += 1;
    if counts_as_send {
        claimed.first_sent_at = Some(first_sent_at);
        claimed.possible_sends += 1;
    }
    Ok(Some((claimed, exchange)))
}

/// Why nothing may be sent now.
async fn obstacle(tx: &Tx, row: &Model, exchange: Exchange) -> Result<Option<&'static str>> {
    if exchange != Exchange::LookUp && quarantine::find(tx).await?.is_some() {
        // What a restored database has not sent, the one before it may have.
        return Ok(Some("in quarantine"));
    }
    if exchange == Exchange::First {
        // Money that is not explained stops the next transfer, also one that is already written.
        let host = host::lock(tx, HostId(row.host_id)).await?;
        if host.is_none_or(|host| host.payouts_blocked_at.is_some()) {
            return Ok(Some("the host's payouts are blocked"));
        }
    }
    Ok(None)
}

/// The only send was refused: the money goes back into the wallet.
async fn fail(service: &Service, claimed: &Model, code: &str) -> Result<()> {
    let tx = service.db.begin("withdrawal_fail").await?;
    let current = withdrawal::lock(&tx, &claimed.provider_ref).await?;
    // Fenced: if somebody claimed it meanwhile, this was not the only send.
    let is_ours = current.is_some_and(|current| {
        current.state == claimed.state
            && current.claims == claimed.claims
            && current.possible_sends == 1
    });
    if !is_ours {
        return Ok(());
    }
    let outcome = Outcome { failure_code: Some(code), ..Outcome::default() };
    give_back(service, &tx, claimed, outcome, "refused by the provider").await?;
    tx.commit().await?;
    tracing::warn!(id = %claimed.id(), code, "withdrawal failed");
    Ok(())
}

/// The withdrawal has failed, for a reason that the caller has proven: its money is in the wallet again.
pub(crate) async fn give_back(
    service: &Service,
    tx: &Tx,
    row: &Model,
    outcome: Outcome<'_>,
    reason: &str,
) -> Result<()> {
    let now = service.clock.now();
    let step = (row.state()?, WithdrawalState::Failed);
    if !withdrawal::advance(tx, row.id(), step, outcome, reason, now).await? {
        return Err(Error::Unavailable("the withdrawal is being looked up".into()));
    }
    host::lock(tx, HostId(row.host_id)).await?;
    holds::release(tx, row.id, now).await.map_err(anyhow::Error::from)?;
    host_debt::repay(service, tx, HostId(row.host_id), (row.id, row.amount()?), now).await
}

/// Plans another exchange. `unsent` takes back the send that the claim had counted.
async fn put_off(service: &Service, claimed: &Model, unsent: bool, reason: &str) -> Result<()> {
    let now = service.clock.now();
    let wait = match claimed.state()? {
        WithdrawalState::PendingProvider => SWEEP,
        _ => retry_in(claimed.tries.saturating_add(1), SWEEP),
    };
    let tx = service.db.begin("withdrawal_put_off").await?;
    if !withdrawal::put_off(&tx, claimed, unsent, reason, later(now, wait)).await? {
        // Somebody else has claimed it meanwhile, or it is over.
        return Ok(());
    }
    // A send that is taken back, however long it took, leaves nothing that could be forgotten.
    let sends = claimed.possible_sends - i32::from(unsent);
    let next = Exchange::of_unacknowledged(sends, claimed.first_sent_at.map(from_millis), now);
    if claimed.state()? == WithdrawalState::Sending && next == Exchange::LookUp {
        let reason = "the provider shows no transfer and has forgotten the key";
        call_operator(&tx, claimed, reason).await?;
    }
    call_if_late(&tx, claimed, now, reason).await?;
    tx.commit().await?;
    tracing::warn!(id = %claimed.id(), reason, "withdrawal has no result yet");
    Ok(())
}

async fn call_if_late(tx: &Tx, row: &Model, now: Timestamp, reason: &str) -> Result<()> {
    if now.duration_since(from_millis(row.created_at)) > OPERATOR_AFTER {
        call_operator(tx, row, reason).await?;
    }
    Ok(())
}

async fn call_operator(
    conn: &impl sea_orm::ConnectionTrait,
    row: &Model,
    reason: &str,
) -> Result<()> {
    if withdrawal::flag(conn, row).await? {
        tracing::error!(id = %row.id(), reason, "an operator is needed for a withdrawal");
    }
    Ok(())
}

pub(crate) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}
