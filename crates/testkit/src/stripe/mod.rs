//! A server that behaves as Stripe's public documentation says, for the parts of the API that the
//! adapter uses, with a clock that the test moves and the faults that the documentation warns of.
//!
//! | module | what it does, and the pages of the documentation that it follows |
//! |---|---|
//! | `server` | connections, which may be cut without an answer |
//! | `api` | one request: authentication, version, idempotency ("Idempotent requests", "Advanced error handling", "Errors", "Error codes") |
//! | `params` | form encoding; parameters are checked by name, as Stripe does |
//! | `lists` | "Pagination" |
//! | `payments` | "Checkout Session", "PaymentIntent", "Asynchronous capture", "Dispute", "Refund" |
//! | `transfers` | "Transfer", "Transfer reversal" |
//! | `events` | "Event" (kept for 30 days), "Webhook signatures" |
//!
//! It is not Stripe: what the documentation leaves open is decided here in the way that is harder
//! for a client. Ids do not sort by time, rate limits and locks strike when a test says so, and an
//! unknown parameter is an error.

mod api;
mod events;
mod lists;
mod params;
mod payments;
mod server;
mod transfers;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use platform::Clock;
use serde_json::Value;
use tokio::{sync::Semaphore, task::AbortHandle};

pub use api::{Fault, Seen};

/// The key that the server takes.
pub const API_KEY: &str = "sk_test_of_the_test";

/// The first secret that webhooks are signed with.
pub const WEBHOOK_SECRET: &str = "whsec_of_the_test";

/// A running server. Dropped, it stops.
#[derive(Debug)]
pub struct Stripe {
    url: String,
    shared: Arc<Shared>,
    serving: AbortHandle,
}

/// What requests and the test share.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    state: Mutex<State>,
    /// Answers that are held back wait for a permit.
    held: Semaphore,
    /// Has a permit for each answer that began to be held back.
    holding: Semaphore,
    /// Has a permit for each answer that was let go and stored.
    let_go: Semaphore,
}

/// Everything the account has. Objects are kept as they are shown, oldest first.
#[derive(Debug, Default)]
struct State {
    ids: u64,
    sessions: Vec<Value>,
    payment_intents: Vec<Value>,
    charges: Vec<Value>,
    balance_transactions: Vec<Value>,
    disputes: Vec<Value>,
    refunds: Vec<Value>,
    transfers: Vec<Value>,
    events: Vec<Value>,
    /// What is available, by currency.
    balance: BTreeMap<String, i64>,
    /// Connected accounts.
    accounts: BTreeSet<String>,
    keys: HashMap<String, api::Key>,
    faults: VecDeque<Fault>,
    seen: Vec<Seen>,
    secrets: Vec<events::Secret>,
    /// What Stripe converts the next payment to.
    settles_in: Option<String>,
}

impl Stripe {
    /// Starts an empty account on a free port.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(clock: Clock) -> anyhow::Result<Self> {
        let state =
            State { secrets: vec![events::Secret::new(WEBHOOK_SECRET)], ..State::default() };
        let nothing = || Semaphore::new(0);
        let shared = Arc::new(Shared {
            clock,
            state: Mutex::new(state),
            held: nothing(),
            holding: nothing(),
            let_go: nothing(),
        });
        let (url, serving) = server::start(Arc::clone(&shared)).await?;
        Ok(Self { url, shared, serving })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The next requests that create something meet these, in order.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.lock().faults.extend(faults);
    }

    /// Waits until a request meets [`Fault::Hold`]: it has happened, and is still under way.
    pub async fn holding(&self) {
        take(&self.shared.holding).await;
    }

    /// Lets one answer go that [`Fault::Hold`] holds back, and waits until it is stored.
    pub async fn release(&self) {
        self.shared.held.add_permits(1);
        take(&self.shared.let_go).await;
    }

    /// Every request so far, also those that were refused.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// How many requests tried to create something under this path.
    pub fn posts(&self, path: &str) -> usize {
        let is_one = |seen: &&Seen| seen.method == http::Method::POST && seen.path == path;
        self.shared.lock().seen.iter().filter(is_one).count()
    }

    /// Opens a connected account, to which transfers can go.
    pub fn connect(&self, account: &str) {
        self.shared.lock().accounts.insert(account.to_owned());
    }

    /// Adds to the available balance.
    pub fn add_balance(&self, minor: i64, currency: &str) {
        *self.shared.lock().balance.entry(currency.to_owned()).or_default() += minor;
    }

    /// What is available.
    pub fn balance(&self, currency: &str) -> i64 {
        self.shared.lock().balance.get(currency).copied().unwrap_or_default()
    }
}

impl Drop for Stripe {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_s(&self) -> i64 {
        self.clock.now().as_second()
    }
}

impl State {
    /// A new id. Stripe promises nothing about their order, so these have none.
    fn id(&mut self, prefix: &str) -> String {
        self.ids += 1;
        let scattered = self.ids.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!("{prefix}_{scattered:016x}")
    }
}

/// Waits for a permit and keeps it.
async fn take(semaphore: &Semaphore) {
    if let Ok(permit) = semaphore.acquire().await {
        permit.forget();
    }
}

/// The object with this id.
fn find<'a>(objects: &'a [Value], id: &str) -> Option<&'a Value> {
    objects.iter().find(|object| object["id"] == id)
}

/// The object with this id, to be changed.
fn find_mut<'a>(objects: &'a mut [Value], id: &str) -> Option<&'a mut Value> {
    objects.iter_mut().find(|object| object["id"] == id)
}
