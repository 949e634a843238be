//! POST /till/redemptions: the form of a checked card.
//!
//! The form's ticket was minted for the card, and its nonce names the redemption. Sent twice, also
//! after a crash on either side, it redeems once and leads to the same receipt.

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use ledger::idempotency::fingerprint;
use platform::{
    http::IdempotencyKey,
    token::{Link, open_link},
};
use serde::Deserialize;

use super::{
    fault::{Fault, Form, sentence},
    session::AtTill,
    till::{TICKET, card_page},
};
use crate::{
    actions::redeem::{Redeem, Which, redeem},
    domain::{
        amount::parse_decimal,
        ids::{CardId, MerchantId},
    },
    error::Error,
    service::{Service, Shared},
    store::{card, redemption},
    views::RedemptionView,
};

#[derive(Deserialize)]
pub(crate) struct Fields {
    ticket: String,
    amount: String,
}

pub(crate) async fn handle(
    AtTill(merchant): AtTill,
    State(service): State<Shared>,
    Form(fields): Form<Fields>,
) -> Result<Response, Fault> {
    let now = service.clock.now();
    let Ok(ticket) = open_link(&service.link_key, TICKET, &fields.ticket, now) else {
        let words = "The card waited for too long. Check it again.";
        return Err(Fault::told(StatusCode::GONE, words));
    };
    let card = CardId(ticket.subject);
    let known = card::find(service.db.read(), card).await?;
    let known = known.filter(|card| card.merchant_id == merchant);
    let known = known.ok_or_else(|| Fault::not_found("card"))?;
    let currency = known.value().map_err(Fault::unexpected)?.currency;
    let amount = match parse_decimal(&fields.amount, currency) {
        Ok(amount) => amount,
        Err(refusal) => return again(&service, card, &refusal.to_string()).await,
    };
    let external_id = external_id(ticket);
    let key = IdempotencyKey {
        key: external_id.clone(),
        fingerprint: fingerprint(&[b"till", card.0.as_bytes(), &amount.minor.to_be_bytes()]),
    };
    let request = Redeem { card: Which::Card(card), amount, external_id: external_id.clone() };
    match redeem(&service, merchant, request, &key).await {
        Ok(answer) => match answer.read::<RedemptionView>() {
            Ok(made) => Ok(receipt(&made.id)),
            Err(problem) => again(&service, card, problem.message()).await,
        },
        // The form was sent before with another amount: what was done then is what counts.
        Err(Error::KeyReused) => done_before(&service, merchant, card, &external_id).await,
        Err(Error::Refused(refusal)) => again(&service, card, &refusal.to_string()).await,
        Err(other) => Err(other.into()),
    }
}

fn external_id(ticket: Link) -> String {
    format!("till-{}", ticket.nonce.simple())
}

async fn done_before(
    service: &Service,
    merchant: MerchantId,
    card: CardId,
    external_id: &str,
) -> Result<Response, Fault> {
    match redemption::by_external_id(service.db.read(), merchant, external_id).await? {
        Some(made) => Ok(receipt(&made.id)),
        None => again(service, card, "this form was used; here is a new one").await,
    }
}

fn receipt(id: &impl std::fmt::Display) -> Response {
    Redirect::to(&format!("/till/redemptions/{id}")).into_response()
}

/// The card again, with what is wrong and a fresh form.
async fn again(service: &Service, card: CardId, problem: &str) -> Result<Response, Fault> {
    let page = card_page(service, card, Some(sentence(problem))).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}
