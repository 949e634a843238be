//! Cancels reserved escrows, and leaves tombstones for unknown ones.

use platform::Tx;

use crate::{
    domain::{
        escrow::{self as rules, EscrowState, Step},
        ids::{EscrowId, SagaId},
        refusal::Refusal,
    },
    error::{Error, Result},
    known_bad::KnownBad,
    service::Service,
    store::{
        escrow::{self, Escrow},
        saga,
    },
};

use super::reserve_escrows::distinct;

/// Cancels escrows, all of them or none. Idempotent by their states.
///
/// # Errors
/// Refused when one of them is funded.
pub(crate) async fn cancel_escrows(
    service: &Service,
    saga_id: SagaId,
    ids: Vec<EscrowId>,
) -> Result<()> {
    let ids = distinct(ids.into_iter())?;
    let now_ms = service.now_ms();
    let tx = service.db.begin("cancel_escrows").await?;
    saga::lock(&tx, saga_id, now_ms).await?;
    let existing = escrow::find_many(&tx, &ids).await?;
    let (mut reserved, mut tombstones) = (Vec::new(), Vec::new());
    for id in ids {
        let known = existing.get(&id);
        if known.is_some_and(|escrow| escrow.saga_id != saga_id) {
            return Err(Refusal::EscrowOfOther.into());
        }
        match (rules::cancel(known.map(|escrow| escrow.state))?, known) {
            (Step::Go, Some(_)) => reserved.push(id),
            (Step::Go, None) if service.misbehaves(KnownBad::NoTombstone) => {}
            (Step::Go, None) => tombstones.push(tombstone(saga_id, id, now_ms)),
            _ => {}
        }
    }
    escrow::insert(&tx, tombstones, "cancelled before it was reserved", now_ms).await?;
    cancel_reserved(&tx, &reserved, "cancelled by the saga", now_ms).await?;
    tx.commit().await?;
    Ok(())
}

/// Cancels escrows that are reserved, within the transaction that holds their saga's row.
///
/// # Errors
/// When one of them is not reserved any more.
pub(crate) async fn cancel_reserved(
    tx: &Tx,
    ids: &[EscrowId],
    reason: &'static str,
    now_ms: i64,
) -> Result<()> {
    let (from, to) = (EscrowState::Reserved, EscrowState::Cancelled);
    if escrow::advance(tx, ids, from, to, reason, now_ms).await? {
        Ok(())
    } else {
        Err(Error::CONTENDED)
    }
}

fn tombstone(saga: SagaId, id: EscrowId, now_ms: i64) -> Escrow {
    Escrow {
        id,
        saga_id: saga,
        product_id: None,
        value_minor: None,
        currency: None,
        state: EscrowState::Cancelled,
        created_at: now_ms,
        changed_at: now_ms,
    }
}
