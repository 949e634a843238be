//! `POST /v1/refunds`.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;

use super::request::{body, check_amount, check_text, key};
use super::respond;
use crate::actions::{RefundRequest, refund_payment};
use crate::bank::Bank;
use crate::domain::fault::Target;
use crate::error::BankError;
use crate::operation::{Answer, perform};

/// Gives a payment back, in whole or in part.
pub(super) async fn create(
    State(bank): State<Bank>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, BankError> {
    let request: RefundRequest = body(&bytes)?;
    check_text("reference", &request.reference)?;
    check_amount(request.amount_minor)?;
    let key = key(&headers, "/v1/refunds", &request)?;
    let ended = perform(&bank, Target::Refunds, Some(key), move |unit| {
        Ok(Answer::new(201, &json!(refund_payment(unit, request)?)))
    });
    Ok(respond(ended.await))
}
