//! What all pages have around them, and how a page becomes an answer.

use askama::Template;
use axum::{
    extract::{FromRequest, Request},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use platform::http::allow_gateway;
use serde::de::DeserializeOwned;

use super::problem::Failure;
use crate::{error::Error, service::Service};

pub(super) use platform::pages::Frame;

/// The frame of this installation's pages.
pub(super) fn of(service: &Service) -> Frame {
    Frame::new(service.mode() == ledger::Mode::Test)
}

/// Whether an answer may be kept by browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// It is public, and changes: it may be kept, and must be asked for again before it is shown.
    Public,
    /// It holds a token, an address or a receipt: it must not outlive its window.
    Nothing,
}

/// A page as an answer.
pub(super) fn page(status: StatusCode, keep: Keep, template: &impl Template) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let mut response = (status, Html(html)).into_response();
    let keep = match keep {
        Keep::Public => HeaderValue::from_static("no-cache"),
        Keep::Nothing => HeaderValue::from_static("no-store"),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, keep);
    response
}

/// A page whose scripts reach the gateway, also where that is at another origin.
pub(super) fn live_page(
    service: &Service,
    status: StatusCode,
    keep: Keep,
    template: &impl Template,
) -> Response {
    let mut response = page(status, keep, template);
    if let Some(gateway) = service.config.gateway() {
        allow_gateway(&mut response, &gateway);
    }
    response
}

/// A page that holds a token, an address or a receipt.
pub(super) fn private_page(template: &impl Template) -> Response {
    page(StatusCode::OK, Keep::Nothing, template)
}

/// The fields of a form. What is no form at all is refused with a page, like everything else.
pub(super) struct Fields<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Fields<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match axum::Form::<T>::from_request(request, state).await {
            Ok(axum::Form(fields)) => Ok(Self(fields)),
            Err(_) => Err(Error::field("", "the form could not be read").into()),
        }
    }
}

/// What a mailed link carries, in its query or in the form on its page.
#[derive(serde::Deserialize)]
pub(super) struct Token {
    /// The token; short, because mails break long lines. A link without one is a link that is not
    /// ours, and is told so.
    #[serde(default, rename = "t")]
    pub(super) token: String,
}
