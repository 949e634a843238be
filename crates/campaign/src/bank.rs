//! The sandbox bank in a runtime of its own: it outlives every process that is killed, and its log is
//! the oracle.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use axum::{Router, body::Body, extract::State};
use http::{Request, Response, StatusCode};
use platform::{
    Clock,
    provider::{Provider, SandboxProvider},
};
use sandbox_bank::{Bank, BankConfig, FaultOrder};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

const API_KEY: &str = "sk_of_the_campaign";
const WEBHOOK_SECRET: &str = "whsec_of_the_campaign";
use crate::process::Process;

/// Costs that differ with the amount: a posting that forgot them would not balance.
const COST_FIXED_MINOR: i64 = 25;
const COST_BASIS_POINTS: u32 = 150;

/// Where the bank's messages go: the process that is alive, if there is one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Front(Arc<Mutex<Option<(Router, tokio::runtime::Handle)>>>);

impl Front {
    /// From now on messages go there, or nowhere.
    pub(crate) fn set(&self, alive: Option<(Router, tokio::runtime::Handle)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = alive;
    }

    async fn forward(self, request: Request<Body>) -> Response<Body> {
        let alive = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let none = || {
            let mut none = Response::new(Body::empty());
            *none.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            none
        };
        let Some((router, runtime)) = alive else { return none() };
        match runtime.spawn(router.oneshot(request)).await {
            Ok(Ok(response)) => response,
            _ => none(),
        }
    }
}

/// A running bank.
#[derive(Debug)]
pub(crate) struct RunningBank {
    base: String,
    client: reqwest::Client,
    pub(crate) front: Front,
    stop: CancellationToken,
    _process: Process,
}

/// More tries than there are faults ordered at a time.
const UNASKED_TRIES: u32 = 30;

/// An entry of the bank's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) kind: String,
    pub(crate) object_id: String,
    pub(crate) reference: String,
    pub(crate) minor: i64,
    pub(crate) destination: String,
}

impl RunningBank {
    /// Starts one with its file in a folder.
    pub(crate) async fn start(folder: &std::path::Path, clock: &Clock) -> anyhow::Result<Self> {
        let process = Process::start("bank", 1)?;
        let front = Front::default();
        let (stop, clock) = (CancellationToken::new(), clock.clone());
        let (token, forwarded) = (stop.clone(), front.clone());
        let file = folder.join("bank.db");
        let served = async move {
            let hooks = TcpListener::bind("127.0.0.1:0").await?;
            let address = hooks.local_addr()?;
            let router = Router::new()
                .fallback(|State(front): State<Front>, request| front.forward(request))
                .with_state(forwarded);
            tokio::spawn(async move { axum::serve(hooks, router).await });
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let base = format!("http://{}", listener.local_addr()?);
            let webhook_urls = ["giveaway", "giftcard"]
                .map(|service| format!("http://{address}/api/{service}/v1/webhooks/provider"))
                .to_vec();
            let config = BankConfig {
                webhook_urls,
                cost_fixed_minor: COST_FIXED_MINOR,
                cost_basis_points: COST_BASIS_POINTS,
                clock: Arc::new(move || clock.now()),
                ..BankConfig::new(API_KEY, WEBHOOK_SECRET, &base)
            };
            let bank = Bank::open(file, config)?;
            tokio::spawn(async move { bank.serve(listener, token).await });
            anyhow::Ok(base)
        };
        let base = process.spawn(served).await??;
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { base, client, front, stop, _process: process })
    }

    /// The adapter for it, as a process makes one.
    pub(crate) fn provider(&self) -> anyhow::Result<Arc<dyn Provider>> {
        Ok(Arc::new(SandboxProvider::new(&self.base, API_KEY, WEBHOOK_SECRET)?))
    }

    /// The next requests meet this fault.
    pub(crate) async fn order(&self, fault: &FaultOrder) -> anyhow::Result<()> {
        self.post("/v1/test/faults", &serde_json::to_value(fault)?).await?;
        Ok(())
    }

    /// Nothing is wrong with it any more.
    pub(crate) async fn heal(&self) -> anyhow::Result<()> {
        let url = format!("{}/v1/test/faults", self.base);
        self.client.delete(url).bearer_auth(API_KEY).send().await?.error_for_status()?;
        Ok(())
    }

    /// A customer pays a checkout.
    pub(crate) async fn pay(&self, checkout_id: &str) -> anyhow::Result<()> {
        self.post(&format!("/v1/test/checkouts/{checkout_id}/pay"), &Value::Null).await?;
        Ok(())
    }

    /// Somebody pays in whom we have not asked to.
    pub(crate) async fn pay_unasked(&self, reference: &str, minor: i64) -> anyhow::Result<()> {
        let body = json!({ "reference": reference, "amount_minor": minor, "currency": "EUR" });
        let url = format!("{}/v1/checkouts", self.base);
        for n in 0..UNASKED_TRIES {
            // A key that met a stored error meets it again.
            let key = format!("{reference}-{n}");
            let asked = self.client.post(&url).bearer_auth(API_KEY).header("idempotency-key", key);
            let Ok(answer) = asked.json(&body).send().await else { continue };
            let Ok(opened) = answer.json::<Value>().await else { continue };
            if let Some(id) = opened["id"].as_str() {
                return self.pay(id).await;
            }
        }
        anyhow::bail!("the bank opens no checkout")
    }

    /// Everything that ever happened.
    pub(crate) async fn log(&self) -> anyhow::Result<Vec<Effect>> {
        let (mut effects, mut after) = (Vec::new(), 0_i64);
        loop {
            let page = self.get(&format!("/v1/log?after={after}&limit=100")).await?;
            let items = page["items"].as_array().context("the log is not a list")?;
            for item in items {
                let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
                effects.push(Effect {
                    kind: text("kind"),
                    object_id: text("object_id"),
                    reference: text("reference"),
                    minor: item["amount_minor"].as_i64().context("an effect has an amount")?,
                    destination: text("destination"),
                });
                after = item["seq"].as_i64().context("an effect has a number")?;
            }
            if items.is_empty() {
                return Ok(effects);
            }
        }
    }

    /// What our account at the bank holds, in EUR.
    pub(crate) async fn balance_minor(&self) -> anyhow::Result<i64> {
        let account = self.get("/v1/account").await?;
        let of = account.as_array().or_else(|| account["items"].as_array());
        let euros = of.and_then(|all| all.iter().find(|one| one["currency"] == "EUR"));
        Ok(euros.and_then(|one| one["balance_minor"].as_i64()).unwrap_or(0))
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        let answer = self.client.get(url).bearer_auth(API_KEY).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        let answer = self.client.post(url).bearer_auth(API_KEY).json(body).send().await?;
        let answer = answer.error_for_status()?;
        Ok(answer.json().await.unwrap_or(Value::Null))
    }
}

impl Drop for RunningBank {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
