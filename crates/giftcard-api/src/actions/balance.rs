//! What a card has left.

use anyhow::Context as _;

use crate::{
    attempts::Asker,
    domain::{card as rules, code::Code, refusal::Refusal},
    error::Result,
    service::Service,
    store::{
        card::{self, Card},
        merchant, product,
    },
    views::{BalanceView, rfc3339},
};

/// What the asker may know about the card with this code. The card's own merchant sees its state
/// whatever it is. To everyone else unknown, empty and expired cards and, for another merchant,
/// cards that are not its own all look the same.
///
/// # Errors
/// Refused when there is nothing to show, or after too many misses.
pub(crate) async fn balance(service: &Service, asker: Asker, code: &str) -> Result<BalanceView> {
    service.limits.admit(asker).await?;
    let code = read_code(code)?;
    let lookup = service.secrets.lookup(&code);
    let found = card::by_lookup(service.db.read(), &lookup).await?;
    match found.filter(|card| may_see(service, asker, card)) {
        Some(card) => view(service, card).await,
        None => {
            service.limits.missed(asker).await;
            Err(Refusal::CardNotFound.into())
        }
    }
}

/// Reads a typed code. A typing error says nothing about which codes exist, so it is told to
/// everyone.
///
/// # Errors
/// Refused with the reason.
pub(crate) fn read_code(code: &str) -> Result<Code, Refusal> {
    Code::parse(code).map_err(|bad| Refusal::invalid("/code", bad.to_string()))
}

fn may_see(service: &Service, asker: Asker, card: &Card) -> bool {
    match asker {
        Asker::Merchant(merchant) => card.merchant_id == merchant,
        Asker::Anonymous(_) => {
            let now = service.clock.now();
            card.available_minor > 0
                && card.standing().is_ok_and(|standing| {
                    rules::obstacle(standing, standing.available, now).is_none()
                })
        }
    }
}

async fn view(service: &Service, card: Card) -> Result<BalanceView> {
    let conn = service.db.read();
    let merchant =
        merchant::find(conn, card.merchant_id).await?.context("a merchant was deleted")?;
    let product = product::find(conn, card.product_id).await?.context("a product was deleted")?;
    let overdue = card.expires_at.is_some_and(|at| at <= service.now_ms());
    let spendable = card.state == rules::CardState::Active && !overdue;
    Ok(BalanceView {
        card_id: card.id,
        // Between its time and the scan that expires it, a card is shown as what it is.
        state: if overdue && card.state == rules::CardState::Active {
            rules::CardState::Expired
        } else {
            card.state
        },
        value: card.value()?,
        available: if spendable {
            card.available()?
        } else {
            ledger::Money::zero(card.value()?.currency)
        },
        merchant_name: merchant.name,
        product_name: product.name,
        expires_at: card.expires_at.map(rfc3339),
    })
}
