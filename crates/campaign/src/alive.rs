//! A process: all three applications with their workers, relays and scans, in a runtime of its own
//! that can be killed at any moment.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{Router, body::Body};
use contracts::lane;
use durable_grpc::{Calls, Target, Worker, WorkerHandle};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use ledger::Mode;
use platform::{Db, Shutdown, roles::Roles, rpc::ServiceCredential, token::hash_bearer};
use serde_json::Value;
use testkit::TestDb;
use tonic::service::Routes;
use tower::{Layer as _, ServiceExt as _};

use crate::{
    calls,
    ground::Ground,
    known_bad,
    known_bad::Variant,
    points::{Points, Watcher},
    process::Process,
    provider,
    world::World,
};

/// The administrator's token.
pub(crate) const ADMIN: &str = "hs_test_admin";

/// Until a saga gives up. Short, so that a jump of the clock reaches it.
const PUBLISH_TIMEOUT_SECONDS: u32 = 120;

/// A request that can be made again.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: http::Method,
    pub(crate) path: String,
    pub(crate) token: String,
    pub(crate) key: String,
    pub(crate) body: Content,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Json(Value),
    Csv(String),
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

/// A process that runs, or has ended at a fail point.
pub(crate) struct Alive {
    pub(crate) watcher: Watcher,
    running: Mutex<Option<Running>>,
}

struct Running {
    process: Process,
    router: Router,
    built: Built,
}

/// What runs, apart from its routes.
struct Built {
    worker: WorkerHandle,
    callees: Callees,
    apps: (giveaway_api::App, giftcard_api::App),
}

impl std::fmt::Debug for Alive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alive").field("watcher", &self.watcher).finish_non_exhaustive()
    }
}

impl Alive {
    /// Starts a process. It may end at a fail point even before it is up; then there is none.
    pub(crate) async fn start(
        world: &World,
        points: &Arc<Points>,
        instance: usize,
    ) -> anyhow::Result<Option<Self>> {
        let watcher = Watcher::new(points.clone(), Ground::new(world.proxy.clone()));
        let process = Process::start("process", 2)?;
        let parts = Parts::of(world, &watcher, instance).await?;
        let callees = parts.callees.clone();
        let built = process.spawn(parts.build());
        let built = tokio::select! {
            built = built => Some(built),
            () = watcher.death().cancelled() => None,
        };
        let Some(built) = built else {
            // It may have ended in its very first call, when everything had been put together.
            callees.cut();
            return Ok(None);
        };
        // A boundary that broke while it started: the process says so and ends.
        let Ok((router, built)) = built? else {
            callees.cut();
            return Ok(None);
        };
        world.bank.front.set(Some((router.clone(), process.handle().clone())));
        let running = Mutex::new(Some(Running { process, router, built }));
        Ok(Some(Self { watcher, running }))
    }

    /// The answer to a request; none when the process ended before it came.
    pub(crate) async fn send(&self, ask: &Ask) -> Option<Answer> {
        let exchange = {
            let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            let running = running.as_ref()?;
            let (router, request) = (running.router.clone(), ask.request()?);
            running.process.spawn(async move {
                let Ok(response) = router.oneshot(request).await;
                let status = response.status();
                let bytes = response.into_body().collect().await.ok()?.to_bytes();
                let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| {
                    Value::String(String::from_utf8_lossy(&bytes).into_owned())
                });
                Some(Answer { status, body })
            })
        };
        tokio::select! {
            answer = exchange => answer.ok().flatten(),
            () = self.watcher.death().cancelled() => None,
        }
    }

    /// Ends the process as it is: nothing is finished, nothing is flushed.
    pub(crate) fn kill(&self) {
        self.watcher.death().cancel();
        self.watcher.ground().give_up();
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { process, router, built }) = running {
            built.callees.cut();
            drop(built.worker);
            drop(process);
            drop((router, built.apps));
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Ask {
    fn request(&self) -> Option<Request<Body>> {
        let mut request =
            Request::builder().method(self.method.clone()).uri(format!("/api{}", self.path));
        if !self.token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        if !self.key.is_empty() {
            request = request.header("idempotency-key", &self.key);
        }
        let (kind, body) = match &self.body {
            Content::Json(body) => ("application/json", body.to_string()),
            Content::Csv(body) => ("text/csv", body.clone()),
        };
        request.header(header::CONTENT_TYPE, kind).body(Body::from(body)).ok()
    }
}

/// A database as a process has it: watched, and on ground that may give way.
async fn opened(world: &World, database: &TestDb, watcher: &Watcher) -> Db {
    let db = match &world.proxy {
        Some(proxy) => database.reopen_through(proxy).await,
        None => database.reopen().await,
    };
    watcher.ground().add(&db);
    db.watched_by(Arc::new(watcher.clone()))
}

/// The services of a process as it calls them itself.
#[derive(Clone, Default)]
struct Callees(Arc<Mutex<Vec<calls::Bounded>>>);

impl Callees {
    fn add(&self, callee: calls::Bounded) -> calls::Bounded {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(callee.clone());
        callee
    }

    fn cut(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(calls::Bounded::cut);
    }
}

/// Everything that a process is built of, opened before its runtime runs.
struct Parts {
    giveaway: giveaway_api::Deps,
    giftcard: giftcard_api::Deps,
    processor: job_processor::Deps,
    calls: Calls,
    credential: ServiceCredential,
    watcher: Watcher,
    variant: Option<Variant>,
    callees: Callees,
}

impl Parts {
    async fn of(world: &World, watcher: &Watcher, instance: usize) -> anyhow::Result<Self> {
        let calls = Calls::builder(world.calls(instance).await)
            .descriptors(contracts::FILE_DESCRIPTOR_SET)
            .mac_key(world.credential.mac_key())
            .without_breaker()
            .build()?;
        let provider =
            Arc::new(provider::Bounded { inner: world.bank.provider()?, watcher: watcher.clone() });
        let (clock, shutdown) = (world.clock.clone(), Shutdown::new());
        let nobody = Target::in_process(Routes::default()).channel();
        let roles = Roles::embedded();
        Ok(Self {
            giveaway: giveaway_api::Deps {
                db: opened(world, &world.giveaway, watcher).await,
                clock: clock.clone(),
                shutdown: shutdown.clone(),
                calls: calls.clone(),
                giftcard: nobody.clone(),
                processor: nobody,
                provider: provider.clone(),
                beacon: World::beacon()?,
                instance_key: World::instance_key(),
                link_key: world.link_key.clone(),
                account_key: world.link_key.derive("accounts"),
                admin_token_hash: hash_bearer(ADMIN),
                roles: roles.clone(),
            },
            giftcard: giftcard_api::Deps {
                db: opened(world, &world.giftcard, watcher).await,
                clock: clock.clone(),
                keys: world.keys()?,
                mode: Mode::Test,
                shutdown: shutdown.clone(),
                calls: calls.clone(),
                provider,
                admin_token_hash: hash_bearer(ADMIN),
                roles: roles.clone(),
            },
            processor: job_processor::Deps {
                db: world.processor.reopen().await,
                clock,
                shutdown,
                roles,
            },
            calls,
            credential: world.credential.clone(),
            watcher: watcher.clone(),
            variant: world.variant,
            callees: Callees::default(),
        })
    }

    /// As `handsel serve` puts them together, with the boundaries in between.
    async fn build(self) -> anyhow::Result<(Router, Built)> {
        let Self {
            mut giveaway,
            giftcard,
            processor,
            calls,
            credential,
            watcher,
            variant,
            callees,
        } = self;
        let callee = |routes: &Routes| {
            let verified = credential.verification().layer(routes.clone().prepare());
            callees.add(calls::Bounded::new(verified, watcher.clone()))
        };
        let direct = |lane: &str, callee: &calls::Bounded| {
            calls.direct(lane, &Target::in_process(callee.clone())).credential(credential.header())
        };
        let processor = job_processor::build(job_processor::Config::default(), processor)?;
        let mails = callee(&processor.grpc);
        let giftcard = giftcard_api::build(giftcard_api::Config::default(), giftcard).await?;
        let cards = callee(&giftcard.grpc);
        giveaway.giftcard = direct(lane::GIFTCARD, &cards);
        giveaway.processor = direct(lane::PROCESSOR, &mails);
        let config = giveaway_api::Config {
            publish_timeout_seconds: PUBLISH_TIMEOUT_SECONDS,
            payout_cooling_hours: 0,
            ..giveaway_api::Config::default()
        };
        let giveaway = giveaway_api::build(config, giveaway).await?;
        let giveaways = callee(&giveaway.grpc);
        processor.connect_owner("giveaway", direct(lane::GIVEAWAY, &giveaways));
        let [giveaways, cards, mails] = [giveaways, cards, mails].map(Target::in_process);
        let worker = Worker::builder(&calls)
            .credential(credential.header())
            .lane(lane::GIVEAWAY, giveaways)
            .lane(lane::GIFTCARD, cards)
            .lane(lane::PROCESSOR, mails)
            .spawn();
        known_bad::apply(variant, &giveaway, &giftcard);
        giftcard.start();
        giveaway.start();
        let router = giveaway.router.clone().merge(giftcard.router.clone());
        Ok((platform::http::edge(router), Built { worker, callees, apps: (giveaway, giftcard) }))
    }
}
