//! The bank's API: every route, and what is in front of them all.

mod answer;
mod checkouts;
mod faults;
mod log;
mod page;
mod payments;
mod refunds;
mod request;
mod transfers;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use subtle::ConstantTimeEq;

pub(crate) use answer::respond;

use crate::bank::Bank;
use crate::error::BankError;
use crate::pages;

/// The largest request: every body of this API is far smaller.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Every route of the bank.
pub(crate) fn router(bank: Bank) -> Router {
    let v1 = Router::new()
        .route("/checkouts", post(checkouts::create))
        .route("/checkouts/{id}", get(checkouts::show))
        .route("/payments", get(payments::list))
        .route("/payments/{id}", get(payments::show))
        .route("/refunds", post(refunds::create))
        .route("/transfers", get(transfers::list).post(transfers::create))
        .route("/transfers/{id}", get(transfers::show))
        .route("/log", get(log::list))
        .route("/balances", get(log::balances))
        .route("/account", get(log::account))
        .route("/test/checkouts/{id}/pay", post(checkouts::pay))
        .route("/test/payments/{id}/chargeback", post(payments::charge_back))
        .route("/test/transfers/{id}/{change}", post(transfers::change))
        .route("/test/faults", get(faults::list).post(faults::order).delete(faults::clear))
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(bank.clone(), authenticate));
    Router::new()
        .nest("/v1", v1)
        .route("/pay/{id}", get(pages::pay::show).post(pages::pay::pay))
        .route("/pay.css", get(pages::pay::style))
        .route("/livez", get(|| async { "ok" }))
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(bank)
}

/// Lets nobody through without the api key; compared in constant time.
async fn authenticate(
    State(bank): State<Bank>,
    request: Request,
    next: Next,
) -> Result<Response, BankError> {
    let given = bearer(request.headers()).ok_or(BankError::Unauthenticated)?;
    if bool::from(given.as_bytes().ct_eq(bank.config().api_key.as_bytes())) {
        Ok(next.run(request).await)
    } else {
        Err(BankError::Unauthenticated)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

async fn no_such_route() -> BankError {
    BankError::NotFound { what: "route" }
}

async fn method_not_allowed() -> BankError {
    BankError::MethodNotAllowed
}
