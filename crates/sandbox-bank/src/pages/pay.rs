//! `GET|POST /pay/{id}`: the hosted page where the customer pays. Whoever has the link may pay.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};

use crate::actions::pay_checkout;
use crate::bank::Bank;
use crate::domain::checkout::{Checkout, CheckoutStatus};
use crate::domain::fault::Target;
use crate::error::BankError;
use crate::operation::{Answer, Ending, perform};
use crate::server;
use crate::store::checkouts;

/// Nothing may run, nothing may be loaded but the style sheet, and the form goes nowhere else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; \
                                       base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "pay.html")]
struct PayPage<'a> {
    checkout: &'a Checkout,
    amount: String,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    checkout_id: &'a str,
    problem: String,
}

/// Shows what is to be paid, or that it was.
pub(crate) async fn show(State(bank): State<Bank>, Path(id): Path<String>) -> Response {
    let (public_url, now) = (bank.config().public_url.clone(), bank.now());
    let wanted = id.clone();
    let found = bank.store().read(move |tx| checkouts::get(tx, &wanted, &public_url, now)).await;
    match found
        .map_err(BankError::from)
        .and_then(|checkout| checkout.ok_or(BankError::NotFound { what: "checkout" }))
    {
        Ok(checkout) => {
            let amount = display(checkout.amount_minor, &checkout.currency);
            html(StatusCode::OK, PayPage { checkout: &checkout, amount }.render())
        }
        Err(error) => problem(&id, &error),
    }
}

/// Pays, then shows the page again: loading it anew does not pay anew.
pub(crate) async fn pay(State(bank): State<Bank>, Path(id): Path<String>) -> Response {
    let wanted = id.clone();
    let ended = perform(&bank, Target::Payments, None, move |unit| {
        pay_checkout(unit, &wanted)?;
        Ok(Answer::new(200, &serde_json::Value::Null))
    });
    match ended.await {
        Ok(Ending::Answered(_)) => Redirect::to(&format!("/pay/{id}")).into_response(),
        Ok(Ending::Cut) => server::cut(),
        Err(error) => problem(&id, &error),
    }
}

/// The style sheet.
pub(crate) async fn style() -> Response {
    let css = HeaderValue::from_static("text/css; charset=utf-8");
    ([(header::CONTENT_TYPE, css)], include_str!("pay.css")).into_response()
}

fn problem(checkout_id: &str, error: &BankError) -> Response {
    if let BankError::Store(error) = error {
        tracing::error!(%error, "sandbox bank's file failed");
    }
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    html(status, ProblemPage { checkout_id, problem: error.to_string() }.render())
}

fn html(status: StatusCode, rendered: askama::Result<String>) -> Response {
    match rendered {
        Ok(page) => {
            let headers = [
                (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (header::REFERRER_POLICY, "no-referrer"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (status, headers, Html(page)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "sandbox bank could not render its page");
            BankError::Internal.into_response()
        }
    }
}

/// An amount as people write it: ISO 4217 says how many decimals a currency has.
fn display(amount_minor: i64, currency: &str) -> String {
    let decimals = match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    };
    if decimals == 0 {
        return format!("{amount_minor} {currency}");
    }
    let unit = 10_i64.pow(decimals);
    let width = usize::try_from(decimals).unwrap_or_default();
    format!("{}.{:0width$} {currency}", amount_minor / unit, amount_minor % unit)
}

impl CheckoutStatus {
    fn is_open(self) -> bool {
        self == Self::Open
    }

    fn is_processing(self) -> bool {
        self == Self::Processing
    }

    fn is_paid(self) -> bool {
        self == Self::Paid
    }

    fn is_expired(self) -> bool {
        self == Self::Expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        for (amount_minor, currency, expected) in [
            (125_005, "USD", "1250.05 USD"),
            (7, "EUR", "0.07 EUR"),
            (500, "JPY", "500 JPY"),
            (1_234, "KWD", "1.234 KWD"),
        ] {
            assert_eq!(display(amount_minor, currency), expected);
        }
    }
}
