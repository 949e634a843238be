//! HTTP as a host, an entrant, a winner or a merchant speaks it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde_json::Value;

/// An import of a large file by an unoptimised build takes this long at the very most.
const ANSWER_LIMIT: Duration = Duration::from_secs(300);

/// In a fleet an instance may stand still, and another can be asked. Longer than any answer takes: publishing
/// waits for its saga.
const FLEET_LIMIT: Duration = Duration::from_secs(30);

/// How long anything is waited for that goes on by itself. Generous: only a defect takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Between two looks at something that goes on by itself: at first …
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// … and at most.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// How often a request is repeated that was told to wait (409 of a twin, 429, 503).
const MAX_REPEATS: u32 = 20;

/// A client of everything that the story talks to.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    addresses: Addresses,
    /// Which instance is asked first, by turns.
    turn: Arc<AtomicUsize>,
}

/// Who serves what: addresses without a slash at their end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// The instances that serve hosts and entrants; each is as good as the others.
    pub(crate) giveaway: Vec<String>,
    /// Those that serve merchants and winners.
    pub(crate) giftcard: Vec<String>,
    /// Those that show the mails.
    pub(crate) mail: Vec<String>,
}

impl Addresses {
    /// One server of everything.
    pub(crate) fn one(base: &str) -> Self {
        let one = vec![base.to_owned()];
        Self { giveaway: one.clone(), giftcard: one.clone(), mail: one }
    }

    fn of(&self, path: &str) -> &[String] {
        if path.starts_with("/api/giftcard/") {
            &self.giftcard
        } else if path.starts_with("/dev/mail") {
            &self.mail
        } else {
            &self.giveaway
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

/// A request that is being put together.
#[must_use]
pub(crate) struct Ask<'a> {
    client: &'a Client,
    method: Method,
    path: String,
    token: Option<String>,
    key: Option<String>,
    body: Option<Body>,
}

#[derive(Clone)]
enum Body {
    Json(Value),
    Csv(Vec<u8>),
    Form(&'static str),
}

impl Client {
    /// A client for whoever is at these addresses.
    pub(crate) fn new(addresses: Addresses) -> anyhow::Result<Self> {
        let limit = if addresses.giveaway.len() > 1 { FLEET_LIMIT } else { ANSWER_LIMIT };
        let http = reqwest::Client::builder()
            .timeout(limit)
            // Only the loopback interface is spoken to.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, addresses, turn: Arc::default() })
    }

    /// The same client for another server.
    pub(crate) fn at(&self, base: &str) -> Self {
        Self { addresses: Addresses::one(base), ..self.clone() }
    }

    /// A GET.
    pub(crate) fn get(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    /// A POST.
    pub(crate) fn post(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::POST, path)
    }

    fn ask(&self, method: Method, path: impl Into<String>) -> Ask<'_> {
        Ask { client: self, method, path: path.into(), token: None, key: None, body: None }
    }

    /// All items of a list, page by page.
    pub(crate) async fn all(&self, path: &str, token: &str) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut after = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page =
                self.get(format!("{path}{separator}limit=100{after}")).token(token).ok().await?;
            let found = page["items"].as_array().context("the answer is not a list")?;
            items.extend(found.iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(items),
            }
        }
    }
}

impl Ask<'_> {
    /// As whoever holds this token; an empty one is nobody.
    pub(crate) fn token(mut self, token: &str) -> Self {
        self.token = (!token.is_empty()).then(|| token.to_owned());
        self
    }

    /// Under this idempotency key.
    pub(crate) fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// With this body.
    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Some(Body::Json(body));
        self
    }

    /// With this file as body.
    pub(crate) fn csv(mut self, file: Vec<u8>) -> Self {
        self.body = Some(Body::Csv(file));
        self
    }

    /// As a form without JavaScript is sent.
    pub(crate) fn form(mut self, fields: &'static str) -> Self {
        self.body = Some(Body::Form(fields));
        self
    }

    /// The answer, whatever it is. A request that is told to wait is repeated as told.
    pub(crate) async fn answer(self) -> anyhow::Result<Answer> {
        let mut repeats = 0;
        loop {
            let response = self.send().await?;
            let status = response.status();
            let wait = response
                .headers()
                .get(header::RETRY_AFTER)
                .and_then(|value| value.to_str().ok()?.parse().ok())
                .map(Duration::from_secs);
            if let Some(wait) = wait
                && repeats < MAX_REPEATS
                && matches!(status.as_u16(), 409 | 429 | 503)
            {
                repeats += 1;
                tokio::time::sleep(wait).await;
                continue;
            }
            let bytes = response.bytes().await.with_context(|| self.to_string())?;
            let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            return Ok(Answer { status, body });
        }
    }

    /// The body of a successful answer.
    ///
    /// # Errors
    /// What the server says about any other one.
    pub(crate) async fn ok(self) -> anyhow::Result<Value> {
        let name = self.to_string();
        let answer = self.answer().await?;
        anyhow::ensure!(
            answer.status.is_success(),
            "{name} was answered with {}: {}: {}",
            answer.status,
            answer.code(),
            answer.body["detail"].as_str().unwrap_or_default()
        );
        Ok(answer.body)
    }

    /// The body of a successful answer as it came.
    ///
    /// # Errors
    /// When the answer is any other.
    pub(crate) async fn bytes(self) -> anyhow::Result<Vec<u8>> {
        let response = self.send().await?;
        let status = response.status();
        anyhow::ensure!(status.is_success(), "{self} was answered with {status}");
        Ok(response.bytes().await.with_context(|| self.to_string())?.to_vec())
    }

    /// Sends it to one instance after the other, until one takes the connection. Who is asked first changes,
    /// so that a story never depends on having been there before.
    async fn send(&self) -> anyhow::Result<Response> {
        let instances = self.client.addresses.of(&self.path);
        let first = self.client.turn.fetch_add(1, Ordering::Relaxed);
        let mut refused = None;
        for n in 0..instances.len() {
            match self.request(&instances[(first + n) % instances.len()]).send().await {
                Err(error) if error.is_connect() => refused = Some(error),
                sent => return sent.with_context(|| self.to_string()),
            }
        }
        let refused = refused.map_or_else(|| anyhow::anyhow!("nobody serves it"), Into::into);
        Err(refused.context(self.to_string()))
    }

    fn request(&self, base: &str) -> RequestBuilder {
        let url = format!("{base}{}", self.path);
        let mut request = self.client.http.request(self.method.clone(), url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = &self.key {
            request = request.header("idempotency-key", key);
        }
        match self.body.clone() {
            None => request,
            Some(Body::Json(body)) => request.json(&body),
            Some(Body::Csv(file)) => request.header(header::CONTENT_TYPE, "text/csv").body(file),
            Some(Body::Form(fields)) => request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(fields),
        }
    }
}

impl std::fmt::Display for Ask<'_> {
    /// Without the query, which may hold a token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{} {path}", self.method)
    }
}

impl Answer {
    /// The stable code of a problem; empty for a success.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// A member of an answer that must be text.
///
/// # Errors
/// When it is not.
pub(crate) fn text(value: &Value, member: &str) -> anyhow::Result<String> {
    let text = value[member].as_str().with_context(|| format!("the answer has no `{member}`"))?;
    Ok(text.to_owned())
}

/// A member of an answer that must be a time.
///
/// # Errors
/// When it is not.
pub(crate) fn time(value: &Value, member: &str) -> anyhow::Result<jiff::Timestamp> {
    text(value, member)?.parse().with_context(|| format!("`{member}` is not a time"))
}

/// An amount of money, in minor units.
///
/// # Errors
/// When the member is no amount.
pub(crate) fn minor(value: &Value, member: &str) -> anyhow::Result<i64> {
    value[member]["minor"].as_i64().with_context(|| format!("`{member}` is not an amount"))
}

/// Looks again and again until something is there that comes by itself.
///
/// # Errors
/// When looking fails, or it is not there in time.
pub(crate) async fn wait_for<T>(
    what: &str,
    mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "waited {} s in vain: {what}",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
