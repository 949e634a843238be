//! `POST /v1/checkouts`, `GET /v1/checkouts/{id}`, `POST /v1/test/checkouts/{id}/pay`.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;

use super::request::{body, check_amount, check_currency, check_return_url, check_text, key};
use super::respond;
use crate::actions::{CheckoutRequest, open_checkout, pay_checkout};
use crate::bank::Bank;
use crate::domain::fault::Target;
use crate::error::BankError;
use crate::operation::{Answer, perform, perform_read};
use crate::store::checkouts;

/// Opens a checkout; the answer carries the address of its page.
pub(super) async fn create(
    State(bank): State<Bank>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, BankError> {
    let request: CheckoutRequest = body(&bytes)?;
    check_text("reference", &request.reference)?;
    check_amount(request.amount_minor)?;
    check_currency(&request.currency)?;
    if let Some(description) = request.description.as_deref().filter(|text| !text.is_empty()) {
        check_text("description", description)?;
    }
    if let Some(url) = &request.return_url {
        check_return_url(url)?;
    }
    let key = key(&headers, "/v1/checkouts", &request)?;
    let ended = perform(&bank, Target::Checkouts, Some(key), move |unit| {
        Ok(Answer::new(201, &json!(open_checkout(unit, request)?)))
    });
    Ok(respond(ended.await))
}

/// Shows a checkout.
pub(super) async fn show(State(bank): State<Bank>, Path(id): Path<String>) -> Response {
    let (public_url, now) = (bank.config().public_url.clone(), bank.now());
    let ended = perform_read(&bank, move |tx| {
        let checkout = checkouts::get(tx, &id, &public_url, now)?;
        let checkout = checkout.ok_or(BankError::NotFound { what: "checkout" })?;
        Ok(Answer::new(200, &json!(checkout)))
    });
    respond(ended.await)
}

/// Pays as the customer would on the page, for programs.
pub(super) async fn pay(State(bank): State<Bank>, Path(id): Path<String>) -> Response {
    let ended = perform(&bank, Target::Payments, None, move |unit| {
        Ok(Answer::new(200, &json!(pay_checkout(unit, &id)?)))
    });
    respond(ended.await)
}
