//! What the answers to the calls in the outbox mean. Each is applied in the transaction that removes
//! the call, so once; an answer that cannot be applied keeps its call, which is replayed.

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use contracts::{
    giftcard::{IssueCardResponse, ReturnEscrowResponse, return_escrow_response::Outcome},
    method,
};
use ledger::Money;
use platform::{
    Tx,
    outbox::{Answer, Answers, Call},
};
use prost::Message as _;

use super::{host_debt, lifecycle};
use crate::{
    domain::{
        books,
        giveaway::{GiveawayState, ReturnState, UnitState},
        saga::{BatchState, SagaState},
    },
    ids::{BatchId, CardId, EscrowId, GiveawayId, HostId, SagaId, UnitId, WinnerId},
    known_bad::KnownBad,
    service::Service,
    store::{
        escrow_return, giveaway, host,
        saga::{self, batch},
        unit, winner,
    },
};

/// Applies the answers to our calls.
pub(crate) struct TakeAnswers(pub(crate) Arc<Service>);

#[async_trait]
impl Answers for TakeAnswers {
    async fn answered(&self, tx: &Tx, call: &Call, answer: &Answer) -> anyhow::Result<()> {
        let reply = match answer {
            Answer::Reply(reply) => reply,
            Answer::Refused(status) | Answer::Dead(status) if is_dispensable(&call.method) => {
                tracing::error!(key = call.key, method = call.method, %status, "a call was given up");
                return Ok(());
            }
            // Money waits for these. None of them is refused by a healthy callee; the call is kept,
            // repeated, and alerts each time.
            Answer::Refused(status)
            | Answer::Dead(status)
            | Answer::Ambiguous(status)
            | Answer::Mismatch(status) => {
                anyhow::bail!("{:?}: {}", status.code(), status.message());
            }
        };
        match call.method.as_str() {
            method::CONFIRM_ESCROWS => confirmed(&self.0, tx, BatchId(call.subject)).await,
            method::ISSUE_CARD => {
                let reply = IssueCardResponse::decode(reply.clone())?;
                issued(&self.0, tx, WinnerId(call.subject), reply.card_id.parse()?).await
            }
            method::RETURN_ESCROW => {
                let reply = ReturnEscrowResponse::decode(reply.clone())?;
                returned(&self.0, tx, EscrowId(call.subject), reply.outcome()).await
            }
            _ => Ok(()),
        }
    }

    fn committed(&self, call: &Call) {
        // The last confirmation makes a giveaway ready to open.
        if call.method == method::CONFIRM_ESCROWS {
            self.0.wake.lifecycle.wake();
        }
    }
}

/// Calls that nothing waits for: a mail, a count.
fn is_dispensable(method: &str) -> bool {
    [method::SEND_MAILS, method::RECORD_COUNTS].contains(&method)
}

/// A batch is funded; with the last one the giveaway is scheduled.
async fn confirmed(service: &Service, tx: &Tx, id: BatchId) -> anyhow::Result<()> {
    let now = service.clock.now();
    let row = batch::find(tx, id).await?.context("the batch is gone")?;
    let saga_id = SagaId(row.saga_id);
    let saga = saga::find(tx, saga_id).await?.context("the saga is gone")?;
    // Locked, so that of two batches that are confirmed at once the later one sees the other.
    giveaway::lock(tx, saga.giveaway()).await?;
    batch::advance(tx, id, BatchState::Reserved, BatchState::Confirmed, now).await?;
    for batch in batch::of_saga(tx, saga_id).await? {
        if batch.state()? != BatchState::Confirmed {
            return Ok(());
        }
    }
    let (from, to) = (SagaState::Committed, SagaState::Confirmed);
    if saga::advance(tx, saga_id, from, to, "every escrow is funded", now).await? {
        let (from, to) = (GiveawayState::Funding, GiveawayState::Scheduled);
        let scheduled =
            giveaway::advance(tx, saga.giveaway(), from, to, "every prize is funded", now).await?;
        let scheduled = scheduled || service.misbehaviour.is(KnownBad::ScheduledBeforeConfirmed);
        anyhow::ensure!(scheduled, "{} is not funding", saga.giveaway());
    }
    Ok(())
}

/// A winner's card is there: the unit is filled.
async fn issued(service: &Service, tx: &Tx, id: WinnerId, card: CardId) -> anyhow::Result<()> {
    let now = service.clock.now();
    let row = winner::find(tx, id).await?.context("the winner is gone")?;
    let giveaway = giveaway::lock(tx, GiveawayId(row.giveaway_id)).await?;
    winner::set_card(tx, id, card).await?;
    unit::end(tx, UnitId(row.unit_id), UnitState::Filled, "card issued", now).await?;
    lifecycle::settle(tx, &giveaway, now).await?;
    Ok(())
}

/// An escrow came back, or turned out to be a card.
async fn returned(
    service: &Service,
    tx: &Tx,
    id: EscrowId,
    outcome: Outcome,
) -> anyhow::Result<()> {
    let now = service.clock.now();
    let row = unit::by_escrow(tx, id).await?.context("the escrow funds no unit")?;
    let giveaway = giveaway::lock(tx, GiveawayId(row.giveaway_id)).await?;
    let (to, end, reason) = match outcome {
        Outcome::Returned => (ReturnState::Returned, UnitState::Returned, "value returned"),
        Outcome::Issued => {
            (ReturnState::Issued, UnitState::Filled, "card issued before the return")
        }
        Outcome::Unspecified => anyhow::bail!("giftcard-api did not say what became of {id}"),
    };
    if escrow_return::end(tx, id, to, now).await? {
        match to {
            ReturnState::Returned => {
                let value = Money::new(row.value_minor, row.currency.parse()?);
                let host = HostId(giveaway.host_id);
                host::lock(tx, host).await?;
                let posting = books::returned(service.mode(), host, id, value);
                ledger::post(tx, &posting, now).await?;
                host_debt::repay(service, tx, host, (posting.op_id, value), now).await?;
            }
            _ => tracing::error!(escrow = %id, "a card had been issued from a returned escrow"),
        }
        unit::end(tx, row.unit_id(), end, reason, now).await?;
        lifecycle::settle(tx, &giveaway, now).await?;
    }
    Ok(())
}
