//! The world around the application, and the application in a runtime of its own that can be killed
//! at any moment and started again on the same files.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use axum::body::Body;
use contracts::{
    giftcard::giftcard_service_server::GiftcardServiceServer,
    lane,
    processor::{
        analytics_service_server::AnalyticsServiceServer, mail_service_server::MailServiceServer,
    },
};
use draw::{beacon::Sandbox, signing::InstanceKey};
use durable_grpc::{Calls, SqliteStore, Target, Worker, WorkerHandle};
use giveaway_api::{App, Config, Deps, Migrator, beacon::SandboxBeacon, ids::GiveawayId};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use platform::{Clock, Shutdown, keys::Key, roles::Roles, token::hash_bearer};
use serde_json::{Value, json};
use testkit::{TestDb, eventually};
use tokio::runtime::Runtime;
use tonic::service::Routes;
use tower::ServiceExt as _;

use crate::{bank::Bank, giftcard::Giftcard, processor::Processor};

/// When every test begins.
pub(crate) const START: &str = "2026-11-22T12:00:00Z";

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// The administrator's token.
pub(crate) const ADMIN: &str = "hs_test_admin";

/// What survives the application.
pub(crate) struct World {
    pub(crate) db: TestDb,
    pub(crate) clock: Clock,
    pub(crate) giftcard: Giftcard,
    pub(crate) bank: Bank,
    files: tempfile::TempDir,
}

/// The application, alive.
pub(crate) struct Alive {
    runtime: Option<Runtime>,
    app: Option<App>,
    worker: Option<WorkerHandle>,
}

/// What an endpoint answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl World {
    /// A world per engine.
    pub(crate) async fn all() -> Vec<Self> {
        testkit::databases::<Migrator>().await.into_iter().map(Self::on).collect()
    }

    /// On this engine, if it is there.
    pub(crate) async fn of(engine: &str) -> Option<Self> {
        Some(Self::on(match engine {
            "postgres" => testkit::postgres::<Migrator>().await?,
            _ => testkit::sqlite::<Migrator>().await,
        }))
    }

    fn on(db: TestDb) -> Self {
        Self {
            db,
            clock: Clock::manual(START.parse().unwrap()),
            giftcard: Giftcard::new(),
            bank: Bank::default(),
            files: tempfile::tempdir().unwrap(),
        }
    }

    /// Starts the application, or starts it again.
    pub(crate) async fn start(&self) -> Alive {
        self.start_with(Config::default()).await
    }

    /// The same, with other settings.
    pub(crate) async fn start_with(&self, config: Config) -> Alive {
        self.build(config, true).await
    }

    /// The application without its loops: nothing runs but what the test runs.
    pub(crate) async fn start_still(&self) -> Alive {
        self.build(Config::default(), false).await
    }

    async fn build(&self, config: Config, are_loops_started: bool) -> Alive {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        // The process before may still be dying, and holds the file of the calls until it is dead.
        let file = self.files.path().join("calls.db");
        let store = eventually(PATIENCE, async || SqliteStore::open(&file)).await;
        let (giftcard, clock, bank) =
            (self.giftcard.clone(), self.clock.clone(), self.bank.clone());
        let db = self.db.reopen();
        let guard = runtime.enter();
        let calls =
            Calls::builder(store).descriptors(contracts::FILE_DESCRIPTOR_SET).build().unwrap();
        let target = Target::in_process(GiftcardServiceServer::new(giftcard));
        let mails = Routes::new(MailServiceServer::new(Processor));
        let processor =
            Target::in_process(mails.add_service(AnalyticsServiceServer::new(Processor)).prepare());
        let worker = Worker::builder(&calls)
            .lane(lane::GIFTCARD, target.clone())
            .lane(lane::PROCESSOR, processor.clone())
            .spawn();
        drop(guard);
        let period = NonZeroU32::new(3).unwrap();
        let genesis: Timestamp = START.parse().unwrap();
        let beacon = Sandbox::from_seed(&[7; 32], genesis.into(), period);
        let deps = Deps {
            db: db.await,
            clock,
            shutdown: Shutdown::new(),
            calls,
            giftcard: target.channel(),
            processor: processor.channel(),
            provider: Arc::new(bank),
            beacon: Arc::new(SandboxBeacon(beacon)),
            instance_key: InstanceKey::from_seed(&[8; 32]),
            link_key: Key::new([9; 32]),
            account_key: Key::new([10; 32]),
            admin_token_hash: hash_bearer(ADMIN),
            roles: Roles::embedded(),
        };
        let app = runtime
            .spawn(async move {
                let app = giveaway_api::build(config, deps).await.unwrap();
                if are_loops_started {
                    app.start();
                }
                app
            })
            .await
            .unwrap();
        Alive { runtime: Some(runtime), app: Some(app), worker: Some(worker) }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds)).unwrap();
    }

    /// A time so many seconds after the start.
    pub(crate) fn at(&self, seconds: i64) -> String {
        let start: Timestamp = START.parse().unwrap();
        (start + SignedDuration::from_secs(seconds)).to_string()
    }

    /// The form of a giveaway with so many prizes of 10 EUR.
    pub(crate) fn form(&self, prizes: u32) -> Value {
        json!({
            "title": "Winter", "currency": "EUR",
            "prizes": [{
                "product_id": self.giftcard.product,
                "value": {"minor": 1_000, "currency": "EUR"},
                "count": prizes,
            }],
            "alternates": 1, "closes_at": self.at(3_600),
            "review_seconds": 60, "lead_seconds": 60, "claim_seconds": 600,
            "disqualification_reasons": ["employee"],
        })
    }

    /// What the audit has to say now.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let limits = giveaway_api::audit::Limits::default();
        let found = giveaway_api::audit::run(self.db.read(), self.clock.now(), &limits).await;
        let name =
            |v: giveaway_api::audit::Violation| format!("{}: {} {:?}", v.invariant, v.what, v.rows);
        found.unwrap().violations.into_iter().map(name).collect()
    }
}

impl Alive {
    /// Kills the application as it is, with everything that it has under way.
    pub(crate) fn kill(mut self) {
        self.die();
    }

    /// Ends the application as its service manager does: what it has under way is given back.
    pub(crate) async fn stop(self) {
        let shutdown = self.service().shutdown.clone();
        let stopping = async move { shutdown.stop().await };
        assert!(self.runtime.as_ref().unwrap().spawn(stopping).await.unwrap());
        self.kill();
    }

    fn die(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        // Nothing is finished, nothing is flushed: tasks vanish where they wait.
        drop(self.worker.take());
        runtime.shutdown_background();
        drop(self.app.take());
    }

    /// What the application's actions work with.
    pub(crate) fn service(&self) -> &Arc<giveaway_api::Service> {
        &self.app.as_ref().unwrap().service
    }

    /// Does something with the application's actions, from within its runtime.
    pub(crate) async fn run<F, Fut>(&self, work: F)
    where
        F: FnOnce(Arc<giveaway_api::Service>) -> Fut,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let work = work(self.service().clone());
        self.runtime.as_ref().unwrap().spawn(work).await.unwrap().unwrap();
    }

    /// Sends a request from within the application's runtime.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let router = self.app.as_ref().unwrap().router.clone();
        let exchange = async move {
            let response = router.oneshot(request).await.unwrap();
            let status = response.status();
            (status, response.into_body().collect().await.unwrap().to_bytes())
        };
        let (status, bytes) = self.runtime.as_ref().unwrap().spawn(exchange).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null), text }
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        let request = Request::get(api(path)).header(header::AUTHORIZATION, bearer(token));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, key: &str, body: Value) -> Answer {
        let request = Request::post(api(path))
            .header(header::AUTHORIZATION, bearer(token))
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", key);
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn put(&self, token: &str, path: &str, body: Value) -> Answer {
        let request = Request::put(api(path))
            .header(header::AUTHORIZATION, bearer(token))
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn patch(&self, token: &str, path: &str, body: Value) -> Answer {
        let request = Request::patch(api(path))
            .header(header::AUTHORIZATION, bearer(token))
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// A new host's token.
    pub(crate) async fn host(&self) -> String {
        let body = json!({"name": "Ada", "email": "ada@example.org"});
        let made = self.post(ADMIN, "/hosts", &uuid::Uuid::new_v4().to_string(), body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let path = format!("/hosts/{}/tokens", made.body["id"].as_str().unwrap());
        let issued = self.post(ADMIN, &path, "", json!({})).await;
        issued.body["token"].as_str().unwrap().to_owned()
    }

    /// A host with so much in the wallet.
    pub(crate) async fn rich_host(&self, world: &World, minor: i64) -> String {
        let host = self.host().await;
        let amount = json!({"amount": {"minor": minor, "currency": "EUR"}});
        let asked = self.post(&host, "/wallet/top-ups", "top-up", amount).await;
        assert_eq!(asked.status, StatusCode::CREATED, "{asked:?}");
        let id = asked.body["id"].as_str().unwrap();
        let payment = format!("pay_{id}");
        world.bank.pay(&payment, id, minor, platform::provider::PaymentStatus::Paid);
        self.webhook(&payment, "genuine").await;
        eventually(PATIENCE, async || self.wallet(&host).await.0 == minor).await;
        host
    }

    pub(crate) async fn webhook(&self, payment: &str, signature: &str) -> Answer {
        let request = Request::post(api("/webhooks/provider")).header("signature", signature);
        self.send(request.body(Body::from(payment.to_owned())).unwrap()).await
    }

    /// What is available and what is held, in EUR.
    pub(crate) async fn wallet(&self, host: &str) -> (i64, i64) {
        let wallet = self.get(host, "/wallet").await.body;
        let of = |kind: &str| wallet["balances"][0][kind]["minor"].as_i64().unwrap_or(0);
        (of("available"), of("held"))
    }

    /// A draft with so many prizes.
    pub(crate) async fn draft(&self, world: &World, host: &str, prizes: u32) -> GiveawayId {
        let drafted = self.post(host, "/giveaways", "", world.form(prizes)).await;
        assert_eq!(drafted.status, StatusCode::CREATED, "{drafted:?}");
        serde_json::from_value(drafted.body["id"].clone()).unwrap()
    }

    /// A draft that closes a day from now.
    pub(crate) async fn draft_later(&self, world: &World, host: &str) -> GiveawayId {
        let mut form = world.form(1);
        form["closes_at"] = json!((world.clock.now() + SignedDuration::from_hours(24)).to_string());
        let drafted = self.post(host, "/giveaways", "", form).await;
        assert_eq!(drafted.status, StatusCode::CREATED, "{drafted:?}");
        serde_json::from_value(drafted.body["id"].clone()).unwrap()
    }

    pub(crate) async fn giveaway(&self, host: &str, id: GiveawayId) -> Value {
        self.get(host, &format!("/giveaways/{id}")).await.body
    }

    /// Waits until the giveaway stands there.
    pub(crate) async fn reaches(&self, host: &str, id: GiveawayId, state: &str) {
        eventually(PATIENCE, async || {
            let giveaway = self.giveaway(host, id).await;
            if giveaway["state"] == state { Ok(()) } else { Err(giveaway) }
        })
        .await;
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.die();
    }
}

fn api(path: &str) -> String {
    format!("/api/giveaway/v1{path}")
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}
