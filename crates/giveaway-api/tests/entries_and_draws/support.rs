//! A giveaway in any state, and the application around it.

use std::{collections::HashSet, num::NonZeroU32, sync::Arc};

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use contracts::processor::SendMailsRequest;
use draw::{
    beacon::Sandbox,
    ids::{DrawId, UnitId},
    moment::Moment,
    rules::{Eligibility, PrizeUnit, RULES_VERSION, Rules, WeightRule},
    schedule,
    signing::InstanceKey,
};
use durable_grpc::{Calls, DirectChannel, SqliteStore, Target};
use giveaway_api::{
    App, Config, Deps, Migrator, Service,
    actions::{create_host::issue_host_token, import_entries::import_entries},
    beacon::{Beacon, SandboxBeacon},
    domain::giveaway::{GiveawayState, UnitState},
    ids::{GiveawayId, HostId},
    store::{escrow_return, giveaway, host, prize, unit},
};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use platform::{Clock, Db, Shutdown, keys::Key, outbox, provider::SandboxProvider, roles::Roles};
use prost::Message as _;
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::{Set, Unchanged},
    EntityTrait as _,
};
use testkit::TestDb;
use tower::ServiceExt as _;
use uuid::Uuid;

/// When every test begins.
pub(crate) const START: i64 = 1_800_000_000;
/// How long giveaways are open.
pub(crate) const OPEN_SECONDS: i64 = 3_600;
/// How long they are reviewed.
pub(crate) const REVIEW_SECONDS: u32 = 600;
/// How long before the draw they are committed to.
pub(crate) const LEAD_SECONDS: u32 = 900;
/// How long winners have to claim.
pub(crate) const CLAIM_SECONDS: u32 = 86_400;
/// Seconds between the beacon's rounds.
const PERIOD_SECONDS: u32 = 3;

/// The application on a database of its own.
pub(crate) struct Bed {
    pub(crate) clock: Clock,
    pub(crate) app: App,
    pub(crate) db: TestDb,
    _files: tempfile::TempDir,
}

/// What is outside of the application.
#[derive(Clone)]
pub(crate) struct Outside {
    pub(crate) beacon: Arc<dyn Beacon>,
    pub(crate) processor: DirectChannel,
}

impl Default for Outside {
    fn default() -> Self {
        Self { beacon: Arc::new(SandboxBeacon(sandbox())), processor: nobody() }
    }
}

/// A service that is not there.
fn nobody() -> DirectChannel {
    Target::in_process(tonic::service::Routes::default()).channel()
}

/// What a giveaway is like.
pub(crate) struct Plan {
    pub(crate) state: GiveawayState,
    pub(crate) units: u32,
    pub(crate) alternates: u32,
    pub(crate) eligibility: Eligibility,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            state: GiveawayState::Open,
            units: 2,
            alternates: 1,
            eligibility: Eligibility::default(),
        }
    }
}

impl Bed {
    /// The application on every engine there is.
    pub(crate) async fn all() -> Vec<Self> {
        Self::all_in(Outside::default()).await
    }

    /// The same in another world.
    pub(crate) async fn all_in(outside: Outside) -> Vec<Self> {
        let mut beds = Vec::new();
        for db in testkit::databases::<Migrator>().await {
            let clock = Clock::manual(at(0));
            let files = tempfile::tempdir().unwrap();
            let handle: Db = (*db).clone();
            let app = build(handle, clock.clone(), files.path(), outside.clone()).await;
            beds.push(Self { clock, app, db, _files: files });
        }
        beds
    }

    /// A token of a giveaway's host.
    pub(crate) async fn host_token(&self, id: GiveawayId) -> String {
        let host = giveaway::find(self.db.read(), id).await.unwrap().unwrap().host_id;
        let (host, db, now) = (HostId(host), self.db.write(), self.clock.now());
        if host::find(db, host).await.unwrap().is_none() {
            let (name, email) = ("Ada".to_owned(), "ada@example.org".to_owned());
            host::insert(db, host, name, email, now).await.unwrap();
        }
        issue_host_token(self.service(), host).await.unwrap()
    }

    pub(crate) fn service(&self) -> &Arc<Service> {
        &self.app.service
    }

    /// Seconds since the test began.
    pub(crate) fn advance_to(&self, second: i64) {
        let by = at(second).duration_since(self.clock.now());
        self.clock.advance(by).unwrap();
    }

    /// A giveaway, written as a publish saga leaves it.
    pub(crate) async fn giveaway(&self, plan: Plan) -> GiveawayId {
        let id = GiveawayId::new();
        let rules = rules(id, &plan, self.service());
        let row = giveaway::ActiveModel {
            id: Set(id.0),
            host_id: Set(HostId::new().0),
            state: Set(GiveawayState::Draft.as_str().to_owned()),
            title: Set(rules.title.clone()),
            description: Set("Win a card.".to_owned()),
            currency: Set("EUR".to_owned()),
            alternates: Set(i32::try_from(plan.alternates).unwrap()),
            eligibility: Set(serde_json::to_string(&rules.eligibility).unwrap()),
            grounds: Set(serde_json::to_string(&rules.disqualification).unwrap()),
            opens_at: Set(Some(at(0).as_millisecond())),
            closes_at: Set(at(OPEN_SECONDS).as_millisecond()),
            review_seconds: Set(i32::try_from(REVIEW_SECONDS).unwrap()),
            lead_seconds: Set(i32::try_from(LEAD_SECONDS).unwrap()),
            claim_seconds: Set(i32::try_from(CLAIM_SECONDS).unwrap()),
            freeze_at: Set(Some(rules.freeze_at().unwrap().timestamp().as_millisecond())),
            draw_at: Set(Some(rules.draw_at.timestamp().as_millisecond())),
            round: Set(Some(i64::try_from(rules.round).unwrap())),
            rules: Set(Some(String::from_utf8(rules.canonical()).unwrap())),
            rules_hash: Set(Some(rules.hash().to_string())),
            saga_id: Set(None),
            created_at: Set(at(0).as_millisecond()),
            changed_at: Set(at(0).as_millisecond()),
        };
        row.insert(self.db.write()).await.unwrap();
        // The database refuses a giveaway that did not come this way.
        for state in way_to(plan.state) {
            let there = giveaway::ActiveModel {
                id: Unchanged(id.0),
                state: Set(state.as_str().to_owned()),
                ..Default::default()
            };
            there.update(self.db.write()).await.unwrap();
        }
        self.units(id, &rules).await;
        id
    }

    /// The prize units of a giveaway, as the publish saga makes them.
    async fn units(&self, id: GiveawayId, rules: &Rules) {
        let prize = Uuid::now_v7();
        let row = prize::ActiveModel {
            id: Set(prize),
            giveaway_id: Set(id.0),
            position: Set(0),
            product_id: Set(Uuid::now_v7()),
            product_name: Set("Books".to_owned()),
            merchant_name: Set("Bookshop".to_owned()),
            value_minor: Set(2_500),
            units: Set(i32::try_from(rules.units.len()).unwrap()),
        };
        row.insert(self.db.write()).await.unwrap();
        for (position, unit) in (0_i32..).zip(&rules.units) {
            let row = unit::ActiveModel {
                id: Set(unit.unit.0),
                giveaway_id: Set(id.0),
                prize_id: Set(prize),
                position: Set(position),
                escrow_id: Set(Uuid::now_v7()),
                value_minor: Set(2_500),
                currency: Set("EUR".to_owned()),
                state: Set(UnitState::Open.as_str().to_owned()),
            };
            row.insert(self.db.write()).await.unwrap();
        }
    }

    /// Enters verified persons: `one@example.org`, …
    pub(crate) async fn enter_verified(&self, id: GiveawayId, persons: u32) {
        let mut csv =
            String::from("entered_at,email,name,country,birth_year,ip,verified,referred_by\n");
        for n in 0..persons {
            csv.push_str(&format!("1,person{n}@example.org,,DE,1990,,true,\n"));
        }
        let host = giveaway::find(self.db.read(), id).await.unwrap().unwrap().host_id;
        let file = std::io::Cursor::new(csv.into_bytes());
        import_entries(self.service(), HostId(host), id, file).await.unwrap();
    }

    /// Brings an open giveaway to `closed`, which is another scan's work.
    pub(crate) async fn close(&self, id: GiveawayId) {
        let (from, to) = (GiveawayState::Open, GiveawayState::Closed);
        let tx = self.service().db.begin("close").await.unwrap();
        let now = self.clock.now();
        assert!(giveaway::advance(&tx, id, from, to, "closing time", now).await.unwrap());
        tx.commit().await.unwrap();
    }

    /// Where a giveaway stands.
    pub(crate) async fn state(&self, id: GiveawayId) -> GiveawayState {
        giveaway::find(self.db.read(), id).await.unwrap().unwrap().state().unwrap()
    }

    /// The escrows of a giveaway whose value was asked back.
    pub(crate) async fn returns_of(&self, id: GiveawayId) -> HashSet<Uuid> {
        let returns = escrow_return::Entity::find().all(self.db.read()).await.unwrap();
        returns.iter().filter(|row| row.giveaway_id == id.0).map(|row| row.escrow_id).collect()
    }

    /// What waits to be mailed: template and how many in each call.
    pub(crate) async fn mails(&self) -> Vec<SendMailsRequest> {
        let calls = outbox::entity::Entity::find().all(self.db.read()).await.unwrap();
        let of_mail = calls.iter().filter(|call| call.method.ends_with("/SendMails"));
        of_mail.map(|call| SendMailsRequest::decode(&call.payload[..]).unwrap()).collect()
    }

    /// How many mails of a template wait.
    pub(crate) async fn mailed(&self, template: &str) -> usize {
        let mails = self.mails().await;
        mails.iter().filter(|m| m.template == template).map(|m| m.subjects.len()).sum()
    }

    pub(crate) async fn post(&self, path: &str, body: serde_json::Value) -> Answer {
        let request = Request::post(format!("/api/giveaway/v1{path}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()));
        self.send(request.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = Request::get(format!("/api/giveaway/v1{path}")).body(Body::empty());
        self.send(request.unwrap()).await
    }

    /// A request of a host.
    pub(crate) async fn as_host(
        &self,
        token: &str,
        request: axum::http::request::Builder,
        body: Body,
    ) -> Answer {
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(serde_json::Value::Null);
        Answer { status, body, bytes: bytes.to_vec() }
    }
}

/// What an endpoint answered.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: serde_json::Value,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// So many seconds after every test begins.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START).unwrap() + SignedDuration::from_secs(second)
}

fn rules(id: GiveawayId, plan: &Plan, service: &Service) -> Rules {
    let chain = service.beacon.chain();
    let closes_at = Moment::from(at(OPEN_SECONDS));
    let draw_at = schedule::draw_at(closes_at, REVIEW_SECONDS, LEAD_SECONDS).unwrap();
    let unit = |_| PrizeUnit {
        unit: UnitId(Uuid::now_v7()),
        description: "Books".to_owned(),
        value_minor: 2_500,
        currency: "EUR".parse().unwrap(),
        merchant: "Bookshop".to_owned(),
    };
    let rules = Rules {
        version: RULES_VERSION,
        draw_id: DrawId(id.0),
        title: "Summer".to_owned(),
        units: (0..plan.units).map(unit).collect(),
        alternates: plan.alternates,
        weight: WeightRule::Equal {},
        eligibility: plan.eligibility.clone(),
        disqualification: vec!["employee".parse().unwrap()],
        opens_at: at(0).into(),
        closes_at,
        review_seconds: REVIEW_SECONDS,
        lead_seconds: LEAD_SECONDS,
        draw_at,
        chain: chain.hash(),
        round: chain.round_at_or_after(draw_at),
        further_generation: false,
        claim_seconds: CLAIM_SECONDS,
    };
    rules.check(&chain).unwrap();
    rules
}

/// The key of the test's own chain, on which every round is known.
pub(crate) fn sandbox() -> Sandbox {
    let period = NonZeroU32::new(PERIOD_SECONDS).unwrap();
    Sandbox::from_seed(&[7; 32], at(-1_000).into(), period)
}

async fn build(db: Db, clock: Clock, files: &std::path::Path, outside: Outside) -> App {
    let deps = Deps {
        db,
        clock,
        shutdown: Shutdown::new(),
        calls: Calls::builder(SqliteStore::open(files.join("calls.db")).unwrap()).build().unwrap(),
        giftcard: nobody(),
        processor: outside.processor,
        provider: Arc::new(SandboxProvider::new("http://127.0.0.1:9", "key", "secret").unwrap()),
        beacon: outside.beacon,
        instance_key: InstanceKey::from_seed(&[8; 32]),
        link_key: Key::new([9; 32]),
        account_key: Key::new([10; 32]),
        admin_token_hash: [0; 32],
        roles: Roles::embedded(),
    };
    giveaway_api::build(Config::default(), deps).await.unwrap()
}

/// The states that a giveaway passes on its way from a draft to there.
fn way_to(state: GiveawayState) -> Vec<GiveawayState> {
    let mut ways = vec![vec![GiveawayState::Draft]];
    loop {
        let found = ways.iter().find(|way| way.ends_with(&[state]));
        if let Some(found) = found {
            return found[1..].to_vec();
        }
        let further = |way: &Vec<GiveawayState>| {
            let way = way.clone();
            let last = *way.last().unwrap();
            let next = last.successors().iter().filter(|next| !way.contains(next)).copied();
            let longer = next.map(|next| [way.as_slice(), &[next]].concat());
            longer.collect::<Vec<_>>()
        };
        ways = ways.iter().flat_map(further).collect();
    }
}
