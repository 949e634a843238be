//! What a card has left goes back to the host that funded it. Our books and the call that credits the
//! host share a transaction, so a crash loses neither.

use contracts::{giveaway::CreditVoidRequest, lane, method, types};
use jiff::Timestamp;
use ledger::Money;
use platform::{
    Tx,
    http::IdempotencyKey,
    outbox::{self, NewCall},
    quarantine,
};
use prost::Message as _;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::once::{Answer, Begun, Once};
use crate::{
    domain::{
        card::CardState,
        ids::{CardId, VoidId},
        note::note,
        refusal::Refusal,
    },
    error::{Error, Result},
    service::Service,
    store::{
        card::{self, Card},
        operator_action,
        void::{self, Void},
    },
};

/// Cards voided in one run of the scan: each in a transaction of its own.
const CARDS_PER_RUN: u64 = 200;

/// A card that was voided.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Voided {
    /// Its id.
    id: CardId,
    /// `voided`.
    state: CardState,
    /// What goes back to the host.
    amount: Money,
}

/// The operator voids a card.
///
/// # Errors
/// Refused for a card that has nothing left, or of which a till has set something aside.
pub(crate) async fn void_card(
    service: &Service,
    id: CardId,
    why: &str,
    key: &IdempotencyKey,
) -> Result<Answer> {
    let why = note(why)?;
    let once = match Once::begin(service, Uuid::nil(), "void_card", key).await? {
        Begun::Replay(answer) => return Ok(answer),
        Begun::Fresh(once) => once,
    };
    let outcome = async {
        if quarantine::find(&once.tx).await?.is_some() {
            return Err(Error::Later("no card is voided in quarantine"));
        }
        let card = card::lock(&once.tx, id).await?.ok_or(Refusal::NotFound { what: "card" })?;
        let amount = card.available()?;
        void_rest(service, &once.tx, &card, "voided by the operator", once.now).await?;
        operator_action::record(&once.tx, "void_card", &id.to_string(), why, once.now_ms()).await?;
        Ok(Voided { id, state: CardState::Voided, amount })
    }
    .await;
    once.finish(http::StatusCode::OK, outcome).await
}

/// Voids the cards of merchants that have closed. One that a till has set something aside of waits
/// until that has ended.
///
/// # Errors
/// When the database fails; what was done stays done.
pub(crate) async fn void_closed(service: &Service) -> Result<()> {
    if quarantine::find(service.db.read()).await?.is_some() {
        return Ok(());
    }
    for id in void::due(service.db.read(), CARDS_PER_RUN).await? {
        let tx = service.db.begin("void_closed").await?;
        let Some(card) = card::lock(&tx, id).await? else { continue };
        match void_rest(service, &tx, &card, "the merchant has closed", service.clock.now()).await {
            Ok(()) => tx.commit().await?,
            // It was redeemed or set aside meanwhile.
            Err(Error::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Voids what is left of a card that is locked.
async fn void_rest(
    service: &Service,
    tx: &Tx,
    card: &Card,
    reason: &'static str,
    now: Timestamp,
) -> Result<()> {
    match card.state {
        CardState::Active => {}
        CardState::Voided => return Err(Refusal::CardVoided.into()),
        CardState::Exhausted => {
            return Err(Refusal::CardExhausted { available: card.available()? }.into());
        }
        CardState::Expired => {
            let at = card.expires_at.map(crate::store::time);
            return Err(Refusal::CardExpired { at }.into());
        }
    }
    let left = card.available()?;
    if card.authorised_minor > 0 {
        let authorised = Money::new(card.authorised_minor, left.currency);
        return Err(Refusal::CardAuthorised { authorised }.into());
    }
    if !card::void(tx, card, reason, now.as_millisecond()).await? {
        return Err(Error::CONTENDED);
    }
    give_to_host(service, tx, card, left, now).await
}

/// Books what a card, which is locked, has lost to a void, and has the host credited.
pub(super) async fn give_to_host(
    service: &Service,
    tx: &Tx,
    card: &Card,
    amount: Money,
    now: Timestamp,
) -> Result<()> {
    let row = Void {
        id: VoidId::new(),
        card_id: card.id,
        escrow_id: card.escrow_id,
        merchant_id: card.merchant_id,
        amount_minor: amount.minor,
        currency: card.currency.clone(),
        voided_at: now.as_millisecond(),
        credited_at: None,
    };
    let id = row.id;
    let request = CreditVoidRequest {
        void_id: id.to_string(),
        escrow_id: row.escrow_id.to_string(),
        amount: Some(types::Money { minor: amount.minor, currency: row.currency.clone() }),
    };
    void::insert(tx, row).await?;
    let posting = service.books.voided(id, card.id, card.escrow_id, amount)?;
    ledger::post(tx, &posting, now).await?;
    let call = NewCall {
        lane: lane::GIVEAWAY,
        method: method::CREDIT_VOID,
        key: format!("{id}:credit"),
        subject: id.0,
        payload: request.encode_to_vec(),
        not_before_ms: 0,
    };
    outbox::enqueue(tx, call, now.as_millisecond()).await?;
    Ok(())
}
