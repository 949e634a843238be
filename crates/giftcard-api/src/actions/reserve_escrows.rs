//! Reserves an escrow for each prize of a batch, or none of them.

use std::collections::{HashMap, HashSet};

use ledger::Money;

use crate::{
    domain::{
        escrow::EscrowState,
        ids::{EscrowId, ProductId, SagaId},
        refusal::Refusal,
    },
    error::{Error, Result},
    service::Service,
    store::{
        alert,
        escrow::{self, Escrow},
        product,
        reservation::{self, Reservation},
        saga,
    },
};

/// Escrows of one command at most: their postings and rows share one transaction.
pub(crate) const MAX_BATCH: usize = 1_000;

/// A batch to reserve.
pub(crate) struct Reserve {
    pub(crate) saga: SagaId,
    /// The number of the batch within its saga.
    pub(crate) batch: u32,
    pub(crate) items: Vec<Item>,
    /// SHA-256 of the request: another one under the same saga and batch is a fault.
    pub(crate) hash: [u8; 32],
}

/// One escrow to reserve.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) escrow: EscrowId,
    pub(crate) product: ProductId,
    pub(crate) value: Money,
}

/// Reserves a batch. Idempotent by saga and batch. A refused batch leaves nothing behind; a repeat
/// of a reserved one is answered as before, unless its escrows were cancelled meanwhile.
///
/// # Errors
/// Refusals; [`Error::KeyReused`] for another request under the same saga and batch.
pub(crate) async fn reserve_escrows(service: &Service, request: Reserve) -> Result<()> {
    let ids = checked_ids(&request.items)?;
    let now_ms = service.now_ms();
    let tx = service.db.begin("reserve_escrows").await?;
    let known_saga = saga::lock(&tx, request.saga, now_ms).await?;
    let existing = escrow::find_many(&tx, &ids).await?;
    if existing.values().any(|escrow| escrow.saga_id != request.saga) {
        return Err(Refusal::EscrowOfOther.into());
    }
    let batch = i64::from(request.batch);
    if let Some(known) = reservation::find(&tx, request.saga, batch).await? {
        if known.request_hash != request.hash {
            drop(tx);
            let subject = format!("{}:{batch}:reserve", request.saga);
            let detail = "a batch of reserves came again with other bytes";
            alert::raise(service.db.write(), alert::Kind::KeyMismatch, subject, detail, now_ms)
                .await?;
            return Err(Error::KeyReused);
        }
        let cancelled = existing.values().any(|escrow| escrow.state == EscrowState::Cancelled);
        return if cancelled { Err(Refusal::EscrowCancelled.into()) } else { Ok(()) };
    }
    if !existing.is_empty() || known_saga.decision.as_deref() == Some(saga::ABORTED) {
        // A tombstone, an aborted saga, or an id that another batch has taken.
        let cancelled = existing.values().all(|escrow| escrow.state == EscrowState::Cancelled);
        return Err(
            if cancelled { Refusal::EscrowCancelled } else { Refusal::EscrowOfOther }.into()
        );
    }
    admit(&tx, &request.items).await?;
    let rows = request.items.iter().map(|item| reserved(request.saga, *item, now_ms)).collect();
    escrow::insert(&tx, rows, "reserved", now_ms).await?;
    let answered = Reservation {
        saga_id: request.saga,
        batch,
        request_hash: request.hash.to_vec(),
        created_at: now_ms,
    };
    reservation::insert(&tx, answered).await?;
    if known_saga.resolve_at.is_none() {
        let wait_ms = i64::from(service.config.resolve_after_seconds) * 1_000;
        saga::ask_at(&tx, request.saga, Some(now_ms.saturating_add(wait_ms))).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// The ids of a command: some, not too many, each once.
///
/// # Errors
/// Names what is wrong.
pub(crate) fn distinct(
    ids: impl ExactSizeIterator<Item = EscrowId>,
) -> Result<Vec<EscrowId>, Refusal> {
    if ids.len() == 0 || ids.len() > MAX_BATCH {
        return Err(Refusal::invalid("/escrow_ids", format!("must be 1 to {MAX_BATCH}")));
    }
    let ids: Vec<_> = ids.collect();
    let distinct: HashSet<_> = ids.iter().collect();
    if distinct.len() != ids.len() {
        return Err(Refusal::invalid("/escrow_ids", "must differ from each other"));
    }
    Ok(ids)
}

fn checked_ids(items: &[Item]) -> Result<Vec<EscrowId>, Refusal> {
    distinct(items.iter().map(|item| item.escrow))
}

/// Whether every item may be made of its product.
async fn admit(tx: &platform::Tx, items: &[Item]) -> Result<()> {
    let wanted: HashSet<ProductId> = items.iter().map(|item| item.product).collect();
    let products: HashMap<_, _> = product::find_many(tx, wanted)
        .await?
        .into_iter()
        .map(|product| (product.id, product))
        .collect();
    for item in items {
        let id = item.product;
        let product = products.get(&id).ok_or(Refusal::ProductUnknown { id })?;
        if product.state != crate::domain::product::ProductState::Active {
            return Err(Refusal::ProductClosed { id }.into());
        }
        product.terms()?.admit(item.value)?;
    }
    Ok(())
}

fn reserved(saga: SagaId, item: Item, now_ms: i64) -> Escrow {
    Escrow {
        id: item.escrow,
        saga_id: saga,
        product_id: Some(item.product),
        value_minor: Some(item.value.minor),
        currency: Some(item.value.currency.to_string()),
        state: EscrowState::Reserved,
        created_at: now_ms,
        changed_at: now_ms,
    }
}
