//! One HTTP request to Stripe, and what its ending proves.
//!
//! The facts are from Stripe's documentation, pages "Idempotent requests", "Advanced error
//! handling", "Errors" and "Error codes":
//!
//! - Once an endpoint has begun to execute, status and body of the first request with a key are
//!   stored and replayed to every later one, **also a 500**, with the header
//!   `Idempotent-Replayed: true`. A replayed 500 therefore says as little as the first one did.
//! - A key with other parameters is answered with 400 and the type `idempotency_error`; a key whose
//!   first request is still under way with 409.
//! - Rate limits (429), authentication (401), permissions (403) and most validation (400) come
//!   before the endpoint executes; their answers are not stored.
//! - A key is forgotten when it is at least 24 hours old. Then the same key moves money again.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use reqwest::Url;
use serde::de::DeserializeOwned;

use super::wire;
use crate::provider::ProviderError;

/// The version of Stripe's API whose fields [`wire`] reads. Without the header the account's own
/// version would rule, and that is changed by a click in Stripe's dashboard.
pub(super) const API_VERSION: &str = "2025-04-30.basil";

/// A provider that cannot be reached is noticed quickly, because nothing has happened yet.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may take. Generous, since giving up on a send makes its outcome unknown and
/// costs a look-up; a look-up and a send together stay below the lease of an attempt (30 s).
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);

/// A page of a hundred expanded objects is some hundreds of kilobytes.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// How much of a message of Stripe is kept: it ends up in rows and logs.
const MAX_MESSAGE_CHARS: usize = 300;

/// The HTTP client of the adapter. Not reqwest, because its TLS features change every other client
/// of the process (docs/decisions/0011-stripe-is-reached-through-hyper.md).
pub(super) struct Exchange {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base_url: Url,
    bearer: HeaderValue,
    answer_timeout: Duration,
}

impl Exchange {
    pub(super) fn new(base_url: Url, api_key: &str) -> anyhow::Result<Self> {
        anyhow::ensure!(
            matches!(base_url.scheme(), "http" | "https") && base_url.has_host(),
            "stripe's base url `{base_url}` is not an http url"
        );
        let mut bearer = HeaderValue::from_str(&format!("Bearer {api_key}"))
            .context("stripe's api key has characters that a header cannot carry")?;
        bearer.set_sensitive(true);
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .context("tls of the stripe client")?
            // Plain http is for a server on this machine; the configuration asks for https otherwise.
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            // A kept connection that Stripe has just closed turns "not sent" into "unknown".
            .pool_max_idle_per_host(0)
            // Whether and when to send again is decided by the caller's rows alone.
            .retry_canceled_requests(false)
            .build(connector);
        Ok(Self { client, base_url, bearer, answer_timeout: ANSWER_TIMEOUT })
    }

    pub(super) fn with_answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = timeout;
        self
    }

    pub(super) fn base_url(&self) -> &Url {
        &self.base_url
    }

    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answer, SendFailure> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(Method::GET, &url, None, Bytes::new()).await
    }

    pub(super) async fn post(
        &self,
        path: &[&str],
        idempotency_key: &str,
        form: &[(&str, &str)],
    ) -> Result<Answer, SendFailure> {
        let url = self.url(path)?;
        let key = HeaderValue::from_str(idempotency_key)
            .map_err(|_| SendFailure::NotSent("the reference cannot be a header".to_owned()))?;
        // A query string and a form body are encoded alike.
        let mut encoder = self.base_url.clone();
        encoder.query_pairs_mut().clear().extend_pairs(form);
        let body = Bytes::from(encoder.query().unwrap_or_default().to_owned());
        self.send(Method::POST, &url, Some(key), body).await
    }

    /// Segments are escaped, so an id with a slash cannot reach another endpoint.
    fn url(&self, path: &[&str]) -> Result<Url, SendFailure> {
        let mut url = self.base_url.clone();
        url.path_segments_mut()
            .map_err(|()| SendFailure::NotSent("base url cannot carry a path".to_owned()))?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        idempotency_key: Option<HeaderValue>,
        body: Bytes,
    ) -> Result<Answer, SendFailure> {
        let mut request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(header::AUTHORIZATION, self.bearer.clone())
            .header("stripe-version", API_VERSION);
        if let Some(key) = idempotency_key {
            request = request
                .header("idempotency-key", key)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| SendFailure::NotSent(format!("the request cannot be: {error}")))?;
        // Whether the time ran out before or after the request left is not known here.
        match tokio::time::timeout(self.answer_timeout, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(SendFailure::Unknown("no answer in time".to_owned())),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, SendFailure> {
        let response = self.client.request(request).await.map_err(SendFailure::of)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| SendFailure::Unknown(format!("answer broke off: {error}")))?
            .to_bytes();
        let text = |name: &str| {
            parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        Ok(Answer {
            status: parts.status,
            is_replayed: text("idempotent-replayed").is_some_and(|value| value == "true"),
            request_id: text("request-id"),
            body,
        })
    }
}

/// A complete HTTP answer, not yet judged.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    is_replayed: bool,
    /// Stripe's id of the request: what its support asks for.
    request_id: Option<String>,
    body: Bytes,
}

impl Answer {
    /// Judges the status.
    ///
    /// | answer | proves |
    /// |---|---|
    /// | 2xx | what its object says |
    /// | 4xx with Stripe's error object, but for the next three | refusal of this send |
    /// | `idempotency_error` | nothing: the first request with the key ran, or may have |
    /// | 409, and 429 `lock_timeout` | nothing: another request with the key or object is under way |
    /// | `api_error` (also with 424) | nothing: a fault at Stripe or behind it |
    /// | 5xx, replayed or not | nothing |
    /// | anything without Stripe's error object | nothing: it may be a proxy's |
    pub(super) fn success(self) -> Result<Self, SendFailure> {
        if self.status.is_success() {
            return Ok(self);
        }
        match self.error() {
            Some(error) if self.status.is_client_error() && self.is_refusal(&error) => {
                Err(SendFailure::Refused {
                    code: error.code.unwrap_or(error.kind),
                    message: error
                        .message
                        .unwrap_or_default()
                        .chars()
                        .take(MAX_MESSAGE_CHARS)
                        .collect(),
                })
            }
            Some(error) => {
                let code = error.code.unwrap_or(error.kind);
                Err(self.unknown(&format!("status {}, {code}", self.status)))
            }
            None => Err(self.unknown(&format!("status {} without a typed error", self.status))),
        }
    }

    fn is_refusal(&self, error: &wire::ErrorBody) -> bool {
        let is_busy =
            self.status == StatusCode::CONFLICT || error.code.as_deref() == Some("lock_timeout");
        // The list is closed: what a later version of the API adds proves nothing to this one.
        let is_definite = matches!(
            error.kind.as_str(),
            "invalid_request_error" | "card_error" | "authentication_error" | "rate_limit_error"
        );
        is_definite && !is_busy
    }

    /// Whether Stripe itself, not a proxy, says that what was named does not exist. A listing whose
    /// cursor is gone is answered with 400, an object that is gone with 404, both with this code.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self.status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST)
            && self.error().is_some_and(|error| error.code.as_deref() == Some("resource_missing"))
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, SendFailure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| self.unknown(&format!("malformed answer: {error}")))
    }

    fn unknown(&self, what: &str) -> SendFailure {
        let replayed = if self.is_replayed { ", replayed" } else { "" };
        let request_id = self.request_id.as_deref().unwrap_or("without an id");
        SendFailure::Unknown(format!("{what}{replayed} (request {request_id})"))
    }

    fn error(&self) -> Option<wire::ErrorBody> {
        serde_json::from_slice::<wire::ErrorAnswer>(&self.body).ok().map(|answer| answer.error)
    }
}

/// Why a send has no usable answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SendFailure {
    /// No connection, or no TLS session: not one byte of the request left.
    NotSent(String),
    /// Stripe's typed refusal of this send.
    Refused { code: String, message: String },
    /// Everything else.
    Unknown(String),
}

impl SendFailure {
    fn of(error: hyper_util::client::legacy::Error) -> Self {
        let is_connect = error.is_connect();
        let reason = format!("{:#}", anyhow::Error::new(error));
        if is_connect { Self::NotSent(reason) } else { Self::Unknown(reason) }
    }
}

impl From<SendFailure> for ProviderError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::NotSent(reason) => Self::NotSent { reason },
            SendFailure::Refused { code, message } => Self::Refused { code, message },
            SendFailure::Unknown(reason) => Self::Unknown { reason },
        }
    }
}
