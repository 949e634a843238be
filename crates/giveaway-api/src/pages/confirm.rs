//! The link in the confirmation mail: a question, then the receipt.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use draw::receipt::Receipt;

use super::{
    frame::{Fields, Frame, Token, of, private_page},
    limit::Admitted,
    problem::Failure,
};
use crate::{
    actions::{
        confirm_entry::confirm_entry,
        preview_confirmation::{Confirmable, preview_confirmation},
    },
    service::Service,
};

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    frame: Frame,
    entry: Confirmable,
    token: String,
}

#[derive(Template)]
#[template(path = "receipt.html")]
struct ReceiptPage {
    frame: Frame,
    entry: Confirmable,
    token: String,
    receipt: String,
    /// Their own link to the giveaway, to pass on.
    referral: String,
}

/// `GET /confirm?t=…`: asks. Mail programs that follow links on their own confirm nothing.
pub(super) async fn ask(
    _: Admitted,
    State(service): State<Arc<Service>>,
    Query(Token { token }): Query<Token>,
) -> Result<Response, Failure> {
    let entry = preview_confirmation(&service, &token).await?;
    Ok(private_page(&ConfirmPage { frame: of(&service), entry, token }))
}

/// `POST /confirm`: verifies the address and shows the receipt.
pub(super) async fn confirm(
    _: Admitted,
    State(service): State<Arc<Service>>,
    Fields(Token { token }): Fields<Token>,
) -> Result<Response, Failure> {
    receipt_page(&service, token).await
}

/// Verifies the address that the token was made for, and shows the receipt.
pub(super) async fn receipt_page(service: &Service, token: String) -> Result<Response, Failure> {
    let receipt = readable(&confirm_entry(service, &token).await?);
    let entry = preview_confirmation(service, &token).await?;
    let referral =
        format!("{}/g/{}?ref={}", service.config.public_url, entry.giveaway, entry.referral);
    Ok(private_page(&ReceiptPage { frame: of(service), entry, token, receipt, referral }))
}

/// `POST /confirm/receipt`: the receipt as a file.
pub(super) async fn download(
    _: Admitted,
    State(service): State<Arc<Service>>,
    Fields(Token { token }): Fields<Token>,
) -> Result<Response, Failure> {
    let receipt = readable(&confirm_entry(&service, &token).await?);
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"receipt.json\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, receipt).into_response())
}

/// The receipt with one member to a line. What is signed are its values, not its spaces.
pub(super) fn readable(receipt: &Receipt) -> String {
    serde_json::to_string_pretty(receipt).expect("a receipt always serializes")
}
