//! Funds reserved escrows: the giveaway's side has captured the money.

use crate::{
    domain::{
        escrow::{self as rules, EscrowState, Step},
        ids::{EscrowId, SagaId},
        refusal::Refusal,
    },
    error::{Error, Result},
    service::Service,
    store::{alert, escrow, saga},
};

use super::reserve_escrows::distinct;

/// Confirms escrows, all of them or none. Idempotent by their states.
///
/// # Errors
/// A refusal means that the two sides disagree about the saga, and raises an alert.
pub(crate) async fn confirm_escrows(
    service: &Service,
    saga_id: SagaId,
    ids: Vec<EscrowId>,
) -> Result<()> {
    let ids = distinct(ids.into_iter())?;
    let now_ms = service.now_ms();
    let confirmed = confirm(service, saga_id, &ids, now_ms).await;
    if let Err(Error::Refused(refusal)) = &confirmed {
        let detail = format!("a confirm was refused: {refusal}");
        let kind = alert::Kind::EscrowContradiction;
        alert::raise(service.db.write(), kind, saga_id, detail, now_ms).await?;
    }
    confirmed
}

async fn confirm(service: &Service, saga_id: SagaId, ids: &[EscrowId], now_ms: i64) -> Result<()> {
    let tx = service.db.begin("confirm_escrows").await?;
    saga::lock(&tx, saga_id, now_ms).await?;
    let existing = escrow::find_many(&tx, ids).await?;
    let (mut moving, mut values) = (Vec::new(), Vec::new());
    for id in ids {
        let known = existing.get(id);
        if known.is_some_and(|escrow| escrow.saga_id != saga_id) {
            return Err(Refusal::EscrowOfOther.into());
        }
        if rules::confirm(known.map(|escrow| escrow.state))? == Step::Go
            && let Some(escrow) = known
        {
            moving.push(*id);
            values.push((*id, escrow.value()?));
        }
    }
    if moving.is_empty() {
        return Ok(());
    }
    let (from, to) = (EscrowState::Reserved, EscrowState::Funded);
    if !escrow::advance(&tx, &moving, from, to, "confirmed", now_ms).await? {
        return Err(Error::CONTENDED);
    }
    let posting = service.books.confirmed(&values)?;
    ledger::post(&tx, &posting, platform::clock::from_millis(now_ms)).await?;
    tx.commit().await?;
    Ok(())
}
