//! Asks giveaway-api what became of escrows that have been reserved for long, and acts on the
//! answer. We never decide alone: a reserved escrow waits until the saga has spoken.

use contracts::{
    giveaway::{ResolveEscrowsRequest, ResolveEscrowsResponse, resolve_escrows_response::Decision},
    lane, method,
};
use durable_grpc::Answer;
use platform::{
    Clock, Tx,
    outbox::{self, Call, NewCall},
};
use prost::Message as _;

use super::{cancel_escrows::cancel_reserved, reserve_escrows::MAX_BATCH};
use crate::{
    domain::ids::SagaId,
    error::Result,
    service::Service,
    store::{alert, escrow, saga},
};

/// Sagas asked about in one run of the scan; the rest follows a second later.
const SAGAS_PER_RUN: u64 = 100;

/// Questions without a usable answer until an operator is told.
const ASKED_IN_VAIN: i32 = 3;

/// Writes the calls for all sagas that are due. Each saga's call shares a transaction with the
/// note that it was asked, so a crash asks neither twice nor never.
pub(crate) async fn ask(service: &Service) -> Result<()> {
    let now_ms = service.now_ms();
    for due in saga::due(service.db.read(), now_ms, SAGAS_PER_RUN).await? {
        ask_about(service, due.id, now_ms).await?;
    }
    Ok(())
}

async fn ask_about(service: &Service, id: SagaId, now_ms: i64) -> Result<()> {
    let tx = service.db.begin("ask_escrows").await?;
    let known = saga::lock(&tx, id, now_ms).await?;
    if known.resolve_at.is_none_or(|at| at > now_ms) {
        return Ok(());
    }
    if escrow::reserved_of(&tx, id, 1).await?.is_empty() {
        saga::ask_at(&tx, id, None).await?;
    } else {
        let call = NewCall {
            lane: lane::GIVEAWAY,
            method: method::RESOLVE_ESCROWS,
            // Each question is a call of its own, because an answer is for ever.
            key: format!("{id}:resolve:{}", known.asked),
            subject: id.0,
            payload: ResolveEscrowsRequest { saga_id: id.to_string() }.encode_to_vec(),
            not_before_ms: 0,
        };
        outbox::enqueue(&tx, call, now_ms).await?;
        saga::asked(&tx, id).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Applies the answers of giveaway-api.
pub(crate) struct Decisions {
    pub(crate) clock: Clock,
    /// How long to wait before asking again after an answer that decides nothing.
    pub(crate) ask_again_ms: i64,
}

impl Decisions {
    /// Applies one.
    ///
    /// # Errors
    /// When the database fails; the call stays.
    pub(crate) async fn apply(&self, tx: &Tx, call: &Call, answer: &Answer) -> anyhow::Result<()> {
        let id = SagaId(call.subject);
        let now_ms = self.clock.now_ms();
        let known = saga::lock(tx, id, now_ms).await?;
        match decision(answer) {
            Some(Decision::Aborted) => {
                saga::decided(tx, id, saga::ABORTED).await?;
                cancel_all(tx, id, now_ms).await?;
                saga::ask_at(tx, id, None).await?;
            }
            Some(Decision::Committed) => {
                // The confirm is on its way and will be resent until it is answered. Asking again
                // only makes sure that a person hears of it if it never comes.
                saga::decided(tx, id, saga::COMMITTED).await?;
                self.again(tx, id, known.asked, now_ms).await?;
            }
            _ => self.again(tx, id, known.asked, now_ms).await?,
        }
        Ok(())
    }

    async fn again(&self, tx: &Tx, id: SagaId, asked: i32, now_ms: i64) -> anyhow::Result<()> {
        if escrow::reserved_of(tx, id, 1).await?.is_empty() {
            saga::ask_at(tx, id, None).await?;
            return Ok(());
        }
        if asked >= ASKED_IN_VAIN {
            let detail = format!("its escrows are still reserved after {asked} questions");
            alert::raise(tx, alert::Kind::SagaUnresolved, id, detail, now_ms).await?;
        }
        saga::ask_at(tx, id, Some(now_ms.saturating_add(self.ask_again_ms))).await?;
        Ok(())
    }
}

/// The decision in an answer; none when it is a refusal, a fault or unreadable.
fn decision(answer: &Answer) -> Option<Decision> {
    let Answer::Reply(bytes) = answer else { return None };
    ResolveEscrowsResponse::decode(bytes.as_ref()).ok().map(|reply| reply.decision())
}

async fn cancel_all(tx: &Tx, id: SagaId, now_ms: i64) -> Result<()> {
    loop {
        let reserved = escrow::reserved_of(tx, id, MAX_BATCH as u64).await?;
        if reserved.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = reserved.iter().map(|escrow| escrow.id).collect();
        cancel_reserved(tx, &ids, "the saga was aborted", now_ms).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_reply_decides() {
        let reply = |decision: Decision| {
            let message = ResolveEscrowsResponse { decision: decision.into() };
            Answer::Reply(message.encode_to_vec().into())
        };
        assert_eq!(decision(&reply(Decision::Aborted)), Some(Decision::Aborted));
        assert_eq!(decision(&reply(Decision::Committed)), Some(Decision::Committed));
        let refused = Answer::Refused(tonic::Status::not_found("no such saga"));
        assert_eq!(decision(&refused), None);
        assert_eq!(decision(&Answer::Reply(bytes::Bytes::from_static(&[0xff]))), None);
    }
}
