//! Reading and checking requests.

use axum::body::Bytes;
use axum::http::HeaderMap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::domain::{MAX_AMOUNT_MINOR, is_http_url};
use crate::error::BankError;
use crate::operation::Key;

/// The longest text in a field or a key: enough for any id, too short to fill the disk.
const MAX_TEXT_CHARS: usize = 255;

/// The longest address to come back to.
const MAX_URL_CHARS: usize = 2_000;

/// The body as JSON of exactly the fields of `T`.
pub(super) fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, BankError> {
    serde_json::from_slice(bytes)
        .map_err(|error| BankError::Invalid { field: "body", reason: error.to_string() })
}

/// The idempotency key of a request for `path` with this checked body. The body counts by its
/// fields, so spaces and order do not make another request of it.
pub(super) fn key(
    headers: &HeaderMap,
    path: &str,
    body: &impl Serialize,
) -> Result<Key, BankError> {
    let value = headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
        .filter(|value| !value.is_empty() && value.len() <= MAX_TEXT_CHARS)
        .ok_or(BankError::KeyMissing)?;
    let body = serde_json::to_vec(body)
        .map_err(|error| BankError::Invalid { field: "body", reason: error.to_string() })?;
    let mut hash = Sha256::new();
    hash.update(b"POST\0");
    hash.update(path.as_bytes());
    hash.update(b"\0");
    hash.update(&body);
    Ok(Key { value: value.to_owned(), fingerprint: hash.finalize().into() })
}

/// A text of 1 to 255 characters without control characters.
pub(super) fn check_text(field: &'static str, text: &str) -> Result<(), BankError> {
    let chars = text.chars().count();
    if chars == 0 || chars > MAX_TEXT_CHARS || text.chars().any(char::is_control) {
        let reason = format!("needs 1 to {MAX_TEXT_CHARS} characters, none of them a control");
        return Err(BankError::Invalid { field, reason });
    }
    Ok(())
}

/// An amount above zero and within the bank's limit.
pub(super) fn check_amount(amount_minor: i64) -> Result<(), BankError> {
    if (1..=MAX_AMOUNT_MINOR).contains(&amount_minor) {
        return Ok(());
    }
    let reason = format!("needs to be from 1 to {MAX_AMOUNT_MINOR}");
    Err(BankError::Invalid { field: "amount_minor", reason })
}

/// An ISO 4217 code in capitals, by its form.
pub(super) fn check_currency(currency: &str) -> Result<(), BankError> {
    if currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(());
    }
    let reason = "needs three capital letters".to_owned();
    Err(BankError::Invalid { field: "currency", reason })
}

/// An address that a browser can be sent to, and nothing that it would run.
pub(super) fn check_return_url(url: &str) -> Result<(), BankError> {
    if url.len() <= MAX_URL_CHARS && is_http_url(url) {
        return Ok(());
    }
    let reason = "needs to be an http url".to_owned();
    Err(BankError::Invalid { field: "return_url", reason })
}
