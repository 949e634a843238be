//! `GET|POST /v1/transfers`, `GET /v1/transfers/{id}`,
//! `POST /v1/test/transfers/{id}/settle|fail|reverse`.

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::page::{page, page_limit, rows_for};
use super::request::{body, check_amount, check_currency, check_text, key};
use super::respond;
use crate::actions::{TransferRequest, UnitOfWork, order_transfer, send_transfer};
use crate::bank::Bank;
use crate::domain::fault::Target;
use crate::domain::transfer::TransferStatus;
use crate::error::BankError;
use crate::operation::{Answer, perform, perform_read};
use crate::store::transfers;

/// Either a look-up by reference, or a page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    reference: Option<String>,
    after: Option<i64>,
    limit: Option<u32>,
}

/// Sends a transfer.
pub(super) async fn create(
    State(bank): State<Bank>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, BankError> {
    let request: TransferRequest = body(&bytes)?;
    check_text("reference", &request.reference)?;
    check_amount(request.amount_minor)?;
    check_currency(&request.currency)?;
    check_text("destination", &request.destination)?;
    let key = key(&headers, "/v1/transfers", &request)?;
    let key_value = key.value.clone();
    let ended = perform(&bank, Target::Transfers, Some(key), move |unit| {
        Ok(Answer::new(201, &json!(send_transfer(unit, request, &key_value)?)))
    });
    Ok(respond(ended.await))
}

/// Lists transfers in the order of their last change, or those with one reference.
pub(super) async fn list(
    State(bank): State<Bank>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, BankError> {
    let Query(query) = query?;
    let (after, limit) = (query.after.unwrap_or(0), page_limit(query.limit)?);
    let now = bank.now();
    let ended = perform_read(&bank, move |tx| {
        let Some(reference) = query.reference else {
            return Ok(page(transfers::list(tx, after, rows_for(limit))?, limit));
        };
        let found = transfers::by_reference(tx, &reference, now)?;
        Ok(Answer::new(200, &json!({"items": found, "cursor": null, "has_more": false})))
    });
    Ok(respond(ended.await))
}

/// Shows a transfer.
pub(super) async fn show(State(bank): State<Bank>, Path(id): Path<String>) -> Response {
    let ended = perform_read(&bank, move |tx| {
        let transfer = transfers::get(tx, &id)?.ok_or(BankError::NotFound { what: "transfer" })?;
        Ok(Answer::new(200, &json!(transfer)))
    });
    respond(ended.await)
}

/// Moves a transfer on, as the rest of the banking world would.
pub(super) async fn change(
    State(bank): State<Bank>,
    Path((id, change)): Path<(String, String)>,
) -> Result<Answer, BankError> {
    let next = match change.as_str() {
        "settle" => TransferStatus::Paid,
        "fail" => TransferStatus::Failed,
        "reverse" => TransferStatus::Reversed,
        _ => return Err(BankError::NotFound { what: "route" }),
    };
    let (config, now) = (bank.config().clone(), bank.now());
    bank.store()
        .write(move |tx| {
            let unit = UnitOfWork { tx, now, config: &config, hidden_until: None };
            Ok(Answer::new(200, &json!(order_transfer(&unit, &id, next)?)))
        })
        .await
}
