//! A running bank, a client of its API, a clock to set, and a receiver of webhooks.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use sandbox_bank::{Bank, BankConfig, Clock, FaultOrder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const API_KEY: &str = "sk_of_the_test";
pub(crate) const WEBHOOK_SECRET: &str = "whsec_of_the_test";

/// The longest wait for something that must happen; far above what it takes, so that only a
/// defect runs into it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A bank that serves on a free port, over a file in a folder of its own.
pub(crate) struct RunningBank {
    pub(crate) base: String,
    folder: TempDir,
    stop: CancellationToken,
    served: JoinHandle<anyhow::Result<()>>,
}

impl RunningBank {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(configure: impl FnOnce(&mut BankConfig)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), configure).await
    }

    async fn start_in(folder: TempDir, configure: impl FnOnce(&mut BankConfig)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let mut config = BankConfig::new(API_KEY, WEBHOOK_SECRET, base.clone());
        configure(&mut config);
        let bank = Bank::open(folder.path().join("bank.db"), config).unwrap();
        let stop = CancellationToken::new();
        let (served_bank, stopped) = (bank, stop.clone());
        let served = tokio::spawn(async move { served_bank.serve(listener, stopped).await });
        Self { base, folder, stop, served }
    }

    /// Stops the bank and starts it again over the same file, on another port.
    pub(crate) async fn restart_with(self, configure: impl FnOnce(&mut BankConfig)) -> Self {
        self.stop.cancel();
        self.served.await.unwrap().unwrap();
        Self::start_in(self.folder, configure).await
    }

    pub(crate) async fn restart(self) -> Self {
        self.restart_with(|_| {}).await
    }

    pub(crate) fn api(&self) -> Api {
        Api::at(&self.base)
    }

    pub(crate) fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    pub(crate) async fn served(self) {
        self.served.await.unwrap().unwrap();
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("bank.db")
    }
}

/// What the bank answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) is_replay: bool,
}

impl Reply {
    pub(crate) fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

/// A client of the bank's API.
#[derive(Clone)]
pub(crate) struct Api {
    base: String,
    client: reqwest::Client,
}

impl Api {
    pub(crate) fn at(base: &str) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .timeout(PATIENCE)
            .build()
            .unwrap();
        Self { base: base.to_owned(), client }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn send(request: reqwest::RequestBuilder) -> reqwest::Result<Reply> {
        let answer = request.bearer_auth(API_KEY).send().await?;
        let status = answer.status().as_u16();
        let is_replay = answer.headers().contains_key("idempotent-replayed");
        let body = serde_json::from_slice(&answer.bytes().await?).unwrap_or(Value::Null);
        Ok(Reply { status, body, is_replay })
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        Self::send(self.request("GET", path)).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str) -> Reply {
        Self::send(self.request("POST", path)).await.unwrap()
    }

    /// A POST with an idempotency key; `Err` when no answer came.
    pub(crate) async fn try_post(
        &self,
        path: &str,
        key: &str,
        body: &Value,
    ) -> reqwest::Result<Reply> {
        Self::send(self.request("POST", path).header("idempotency-key", key).json(body)).await
    }

    pub(crate) async fn post_keyed(&self, path: &str, key: &str, body: &Value) -> Reply {
        self.try_post(path, key, body).await.unwrap()
    }

    pub(crate) async fn order_fault(&self, order: FaultOrder) {
        let request = self.request("POST", "/v1/test/faults").json(&order);
        Self::send(request).await.unwrap().expect(201);
    }

    /// Opens a checkout over `amount_minor` USD and gives its id.
    pub(crate) async fn open_checkout(&self, reference: &str, amount_minor: i64) -> String {
        let body = json!({"reference": reference, "amount_minor": amount_minor, "currency": "USD"});
        let opened = self.post_keyed("/v1/checkouts", reference, &body).await.expect(201);
        opened["id"].as_str().unwrap().to_owned()
    }

    /// Opens and pays a checkout, and gives the payment.
    pub(crate) async fn pay(&self, reference: &str, amount_minor: i64) -> Value {
        let checkout_id = self.open_checkout(reference, amount_minor).await;
        self.post(&format!("/v1/test/checkouts/{checkout_id}/pay")).await.expect(200)
    }

    /// Sends a transfer whose key is its reference.
    pub(crate) async fn transfer(&self, reference: &str, amount_minor: i64) -> Reply {
        self.try_transfer(reference, amount_minor).await.unwrap()
    }

    pub(crate) async fn try_transfer(
        &self,
        reference: &str,
        amount_minor: i64,
    ) -> reqwest::Result<Reply> {
        self.try_post("/v1/transfers", reference, &transfer_body(reference, amount_minor)).await
    }

    /// The transfers that can be looked up by this reference.
    pub(crate) async fn look_up(&self, reference: &str) -> Vec<Value> {
        let found = self.get(&format!("/v1/transfers?reference={reference}")).await.expect(200);
        found["items"].as_array().unwrap().clone()
    }

    /// The whole log, page by page.
    pub(crate) async fn log(&self) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut after = "0".to_owned();
        loop {
            let page = self.get(&format!("/v1/log?after={after}")).await.expect(200);
            entries.extend(page["items"].as_array().unwrap().iter().cloned());
            if page["has_more"] == false {
                return entries;
            }
            after = page["cursor"].as_str().unwrap().to_owned();
        }
    }

    /// The log's entries about this reference, by kind.
    pub(crate) async fn kinds(&self, reference: &str) -> Vec<String> {
        let log = self.log().await;
        let about = log.iter().filter(|entry| entry["reference"] == reference);
        about.map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) fn transfer_body(reference: &str, amount_minor: i64) -> Value {
    json!({
        "reference": reference, "amount_minor": amount_minor, "currency": "USD",
        "destination": "acct_1",
    })
}

/// Asks again and again until the answer is there.
#[track_caller]
pub(crate) fn eventually<T>(ask: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    testkit::eventually(PATIENCE, ask)
}

/// A clock that stands still until it is set.
#[derive(Clone)]
pub(crate) struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_772_359_200_000)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let ms = Arc::clone(&self.0);
        Arc::new(move || Timestamp::from_millisecond(ms.load(Ordering::SeqCst)).unwrap())
    }
}

/// A webhook endpoint on a free port.
pub(crate) struct Receiver {
    pub(crate) url: String,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

/// One webhook as it arrived, with the status that it was answered with.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) headers: HeaderMap,
    pub(crate) raw_body: Bytes,
    pub(crate) body: Value,
    pub(crate) answered: u16,
}

#[derive(Clone)]
struct Endpoint {
    arrivals: mpsc::UnboundedSender<Arrival>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks", listener.local_addr().unwrap());
        let (sender, arrivals) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(VecDeque::new()));
        let endpoint = Endpoint { arrivals: sender, answers: Arc::clone(&answers) };
        let router = Router::new().fallback(receive).with_state(endpoint);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, arrivals, answers }
    }

    /// The statuses of the next answers; after them every webhook is accepted.
    pub(crate) fn answer_next_with(&self, statuses: impl IntoIterator<Item = u16>) {
        self.answers.lock().unwrap().extend(statuses);
    }

    pub(crate) async fn next(&mut self) -> Arrival {
        let arrival = tokio::time::timeout(PATIENCE, self.arrivals.recv()).await;
        arrival.expect("a webhook must arrive and did not").unwrap()
    }

    /// Types of the next `count` events.
    pub(crate) async fn next_types(&mut self, count: usize) -> Vec<String> {
        let mut types = Vec::new();
        while types.len() < count {
            types.push(self.next().await.body["type"].as_str().unwrap().to_owned());
        }
        types
    }
}

async fn receive(
    State(endpoint): State<Endpoint>,
    headers: HeaderMap,
    raw_body: Bytes,
) -> StatusCode {
    let answered = endpoint.answers.lock().unwrap().pop_front().unwrap_or(204);
    let body = serde_json::from_slice(&raw_body).unwrap_or(Value::Null);
    // The test may have ended; the bank is told the same.
    let _ = endpoint.arrivals.send(Arrival { headers, raw_body, body, answered });
    StatusCode::from_u16(answered).unwrap()
}
