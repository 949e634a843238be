//! Gives a funded escrow back to the host, unless its card was issued.

use crate::{
    domain::{
        escrow::{self as rules, EscrowState, Return},
        ids::EscrowId,
    },
    error::{Error, Result},
    known_bad::KnownBad,
    service::Service,
    store::escrow,
};

/// What became of the escrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Returned {
    /// The value goes back; the caller posts its leg once.
    Returned,
    /// A card was issued from it; there is nothing to post.
    Issued,
}

/// Returns an escrow. Idempotent by its state.
///
/// # Errors
/// Refusals; [`Error::Later`] while the escrow is reserved, so that a return never overtakes a
/// confirm.
pub(crate) async fn return_escrow(service: &Service, id: EscrowId) -> Result<Returned> {
    let tx = service.db.begin("return_escrow").await?;
    let known = escrow::lock(&tx, id).await?;
    match (rules::give_back(known.as_ref().map(|escrow| escrow.state))?, known) {
        (Return::Go, Some(escrow)) => {
            let now = service.clock.now();
            let (from, to) = (EscrowState::Funded, EscrowState::Refunded);
            let now_ms = now.as_millisecond();
            if !escrow::advance(&tx, &[id], from, to, "returned to the host", now_ms).await? {
                return Err(Error::CONTENDED);
            }
            ledger::post(&tx, &service.books.returned(id, escrow.value()?)?, now).await?;
            tx.commit().await?;
            Ok(Returned::Returned)
        }
        (Return::Issued, _) => Ok(Returned::Issued),
        (Return::Later, _) if service.misbehaves(KnownBad::ReturnOvertakesConfirm) => {
            Ok(Returned::Returned)
        }
        (Return::Later, _) => Err(Error::Later("the escrow is not funded yet")),
        _ => Ok(Returned::Returned),
    }
}
