//! `GET /v1/payments`, `GET /v1/payments/{id}`, `POST /v1/test/payments/{id}/chargeback`.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde_json::json;

use super::page::{PageQuery, page, rows_for};
use super::respond;
use crate::actions::{UnitOfWork, charge_back_payment};
use crate::bank::Bank;
use crate::error::BankError;
use crate::operation::{Answer, perform_read};
use crate::store::payments;

/// Lists payments in the order of their last change.
pub(super) async fn list(
    State(bank): State<Bank>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, BankError> {
    let Query(query) = query?;
    let (after, limit) = (query.after(), query.limit()?);
    let ended =
        perform_read(&bank, move |tx| Ok(page(payments::list(tx, after, rows_for(limit))?, limit)));
    Ok(respond(ended.await))
}

/// Shows a payment.
pub(super) async fn show(State(bank): State<Bank>, Path(id): Path<String>) -> Response {
    let ended = perform_read(&bank, move |tx| {
        let payment = payments::get(tx, &id)?.ok_or(BankError::NotFound { what: "payment" })?;
        Ok(Answer::new(200, &json!(payment)))
    });
    respond(ended.await)
}

/// Charges a payment back, as the customer's bank would.
pub(super) async fn charge_back(
    State(bank): State<Bank>,
    Path(id): Path<String>,
) -> Result<Answer, BankError> {
    let (config, now) = (bank.config().clone(), bank.now());
    bank.store()
        .write(move |tx| {
            let unit = UnitOfWork { tx, now, config: &config, hidden_until: None };
            Ok(Answer::new(200, &json!(charge_back_payment(&unit, &id)?)))
        })
        .await
}
