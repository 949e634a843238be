//! Asked by giftcard-api when a card was voided: what it had left goes back into the wallet of the host
//! that funded it, once per void.

use ledger::Money;

use super::host_debt;
use crate::{
    domain::books,
    error::{Error, Result},
    ids::{EscrowId, GiveawayId, HostId, VoidId},
    service::Service,
    store::{card_void, giveaway, host, unit},
};

/// Credits a host. A second time changes nothing.
///
/// # Errors
/// Refused for an escrow that funds nothing of ours, and for more than it holds; neither happens while
/// both services keep their books.
pub async fn credit_void(
    service: &Service,
    void: VoidId,
    escrow: EscrowId,
    amount: Money,
) -> Result<()> {
    if !amount.is_positive() {
        return Err(Error::field("/amount/minor", "must be more than 0"));
    }
    let now = service.clock.now();
    let tx = service.db.begin("credit_void").await?;
    let unit = unit::by_escrow(&tx, escrow).await?.ok_or(Error::NotFound("escrow"))?;
    // Locked, so that two voids of one card see each other.
    let giveaway = giveaway::lock(&tx, GiveawayId(unit.giveaway_id)).await?;
    let payee = HostId(giveaway.host_id);
    if !card_void::insert(&tx, void, escrow, payee, amount, now).await? {
        let known = card_void::find(&tx, void).await?.ok_or(Error::NotFound("void"))?;
        let is_same = known.escrow_id == escrow.0
            && known.amount_minor == amount.minor
            && known.currency == amount.currency.as_str();
        if !is_same {
            return Err(Error::state("void_differs", "this void was credited with other terms"));
        }
        return Ok(());
    }
    if unit.currency != amount.currency.as_str()
        || card_void::total(&tx, escrow).await? > unit.value_minor
    {
        let message = "more was voided of the card than its prize was worth";
        return Err(Error::state("void_too_large", message));
    }
    host::lock(&tx, payee).await?;
    let posting = books::voided(service.mode(), payee, escrow, void, amount);
    ledger::post(&tx, &posting, now).await?;
    host_debt::repay(service, &tx, payee, (posting.op_id, amount), now).await?;
    tx.commit().await?;
    tracing::info!(%void, %escrow, "the balance of a voided card went back to its host");
    Ok(())
}
