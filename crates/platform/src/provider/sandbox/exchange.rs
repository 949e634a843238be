//! One HTTP request to the bank, and what its ending proves.

use std::time::Duration;

use anyhow::Context;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::{Client, Url};
use serde::de::DeserializeOwned;

use super::{ProviderError, wire};

/// A bank that cannot be reached is noticed quickly, because nothing has happened yet.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an answer may take. Generous, since giving up on a send makes its outcome unknown and
/// costs a look-up; still below the lease of an attempt that is being sent.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A page of a hundred objects is some tens of kilobytes; an answer above this is not the bank's.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// How much of a message of the provider is kept: it ends up in rows and logs.
const MAX_MESSAGE_CHARS: usize = 300;

/// The code with which the bank says that a key was used before with another request. The earlier
/// request did happen, so this refusal must never count as "it did not happen".
const KEY_REUSE_CODE: &str = "idempotency_key_reuse";

/// The HTTP client of the adapter.
pub(super) struct Exchange {
    client: Client,
    base_url: Url,
    answer_timeout: Duration,
}

impl Exchange {
    pub(super) fn new(base_url: Url, api_key: &str) -> anyhow::Result<Self> {
        anyhow::ensure!(
            matches!(base_url.scheme(), "http" | "https") && base_url.has_host(),
            "sandbox bank's base url `{base_url}` is not an http url"
        );
        let mut bearer = HeaderValue::from_str(&format!("Bearer {api_key}"))
            .context("sandbox bank's api key has characters that a header cannot carry")?;
        bearer.set_sensitive(true);
        let client = Client::builder()
            .default_headers(HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]))
            .connect_timeout(CONNECT_TIMEOUT)
            // A kept connection that the bank has just closed turns "not sent" into "unknown".
            .pool_max_idle_per_host(0)
            // Whether and when to send again is decided by the caller's rows alone.
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            // The sandbox bank is always near; a proxy would only add answers that are not its.
            .no_proxy()
            .build()
            .context("http client of the sandbox bank")?;
        Ok(Self { client, base_url, answer_timeout: ANSWER_TIMEOUT })
    }

    #[cfg(test)]
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
        self.send(self.client.request(Method::GET, url)).await
    }

    pub(super) async fn post(
        &self,
        path: &[&str],
        idempotency_key: &str,
        body: &serde_json::Value,
    ) -> Result<Answer, SendFailure> {
        let request = self
            .client
            .request(Method::POST, self.url(path)?)
            .header("idempotency-key", idempotency_key)
            .json(body);
        self.send(request).await
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

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, SendFailure> {
        let mut response =
            request.timeout(self.answer_timeout).send().await.map_err(SendFailure::of)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(SendFailure::after_send)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(SendFailure::Unknown("answer is too long".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    }
}

/// A complete HTTP answer, not yet judged.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

impl Answer {
    /// Judges the status. Only a typed error object of the bank with a 4xx status is a refusal: a
    /// proxy on the way may invent any status, but not the bank's object.
    pub(super) fn success(self) -> Result<Self, SendFailure> {
        if self.status.is_success() {
            return Ok(self);
        }
        let status = self.status;
        match self.error() {
            Some(error) if status.is_client_error() && error.code != KEY_REUSE_CODE => {
                Err(SendFailure::Refused {
                    code: error.code,
                    message: error.message.chars().take(MAX_MESSAGE_CHARS).collect(),
                })
            }
            Some(error) => Err(SendFailure::Unknown(format!("status {status}, {}", error.code))),
            None => Err(SendFailure::Unknown(format!("status {status} without a typed error"))),
        }
    }

    /// Whether the bank itself, not a proxy, says that the object does not exist.
    pub(super) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
            && self.error().is_some_and(|error| error.code == "not_found")
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, SendFailure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| SendFailure::Unknown(format!("malformed answer: {error}")))
    }

    fn error(&self) -> Option<wire::ErrorBody> {
        serde_json::from_slice::<wire::ErrorAnswer>(&self.body).ok().map(|answer| answer.error)
    }
}

/// Why a send has no usable answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SendFailure {
    /// No connection: not one byte of the request left.
    NotSent(String),
    /// The bank's typed refusal of this send.
    Refused { code: String, message: String },
    /// Everything else.
    Unknown(String),
}

impl SendFailure {
    fn of(error: reqwest::Error) -> Self {
        if error.is_connect() || error.is_builder() {
            Self::NotSent(reason(error))
        } else {
            Self::after_send(error)
        }
    }

    fn after_send(error: reqwest::Error) -> Self {
        Self::Unknown(reason(error))
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

/// The whole chain of causes, without the URL, whose query may carry a reference.
fn reason(error: reqwest::Error) -> String {
    let error = anyhow::Error::new(error.without_url());
    format!("{error:#}")
}
