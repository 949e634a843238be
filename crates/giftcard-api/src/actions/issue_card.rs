//! Turns a funded escrow into the card of a winner who has claimed it.

use anyhow::Context as _;
use platform::{Tx, quarantine};

use crate::{
    domain::{
        card::{self as rules, CardState},
        escrow::{self as escrow_rules, EscrowState, Step},
        ids::{CardId, EscrowId, WinnerId},
        refusal::Refusal,
    },
    error::{Error, Result},
    secrets::CardSecrets,
    service::Service,
    store::{
        card::{self, Card},
        escrow::{self, Escrow},
        product,
    },
};

/// Issues a card. Idempotent by escrow and winner: the same card is answered for ever.
///
/// # Errors
/// Refusals; [`Error::Later`] while the escrow's confirm has not come.
pub(crate) async fn issue_card(
    service: &Service,
    escrow_id: EscrowId,
    winner: WinnerId,
) -> Result<CardId> {
    let tx = service.db.begin("issue_card").await?;
    let known = escrow::lock(&tx, escrow_id).await?;
    match (escrow_rules::issue(known.as_ref().map(|escrow| escrow.state))?, known) {
        (Step::Go, Some(_)) if quarantine::find(&tx).await?.is_some() => {
            Err(Error::Later("no card is issued in quarantine"))
        }
        (Step::Go, Some(known)) => {
            let id = issue(service, &tx, &known, winner).await?;
            tx.commit().await?;
            Ok(id)
        }
        (Step::Later, _) => Err(Error::Later("the escrow is not funded yet")),
        _ => {
            let card = card::of_escrow(&tx, escrow_id)
                .await?
                .with_context(|| format!("{escrow_id} was issued without a card"))?;
            if card.winner_id == winner {
                Ok(card.id)
            } else {
                Err(Refusal::EscrowIssuedToOther.into())
            }
        }
    }
}

async fn issue(service: &Service, tx: &Tx, escrow: &Escrow, winner: WinnerId) -> Result<CardId> {
    let now = service.clock.now();
    let now_ms = now.as_millisecond();
    let value = escrow.value()?;
    let product_id = escrow.product_id.context("a funded escrow has a product")?;
    let product = product::find(tx, product_id).await?.context("a product was deleted")?;
    let id = CardId::new();
    let code = service.secrets.seal(id, &CardSecrets::new_code())?;
    let card = Card {
        id,
        escrow_id: escrow.id,
        winner_id: winner,
        merchant_id: product.merchant_id,
        product_id,
        currency: value.currency.to_string(),
        value_minor: value.minor,
        available_minor: value.minor,
        authorised_minor: 0,
        redeemed_minor: 0,
        voided_minor: 0,
        expired_minor: 0,
        state: CardState::Active,
        code_lookup: code.lookup.to_vec(),
        code_sealed: code.sealed,
        code_key_id: code.key_id,
        expires_at: rules::expiry(now, product.validity_days).map(|at| at.as_millisecond()),
        revealed_at: None,
        issued_at: now_ms,
        changed_at: now_ms,
    };
    let (from, to) = (EscrowState::Funded, EscrowState::Issued);
    if !escrow::advance(tx, &[escrow.id], from, to, "card issued", now_ms).await? {
        return Err(Error::CONTENDED);
    }
    card::insert(tx, card).await?;
    ledger::post(tx, &service.books.issued(escrow.id, id, value)?, now).await?;
    Ok(id)
}
