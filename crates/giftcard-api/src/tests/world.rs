//! A service with a database, a clock and a bank of its own, and ways to enter it.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use contracts::{
    giftcard::{
        ConfirmEscrowsRequest, EscrowItem, IssueCardRequest, MintRevealTokenRequest,
        ReserveEscrowsRequest, giftcard_service_client::GiftcardServiceClient,
    },
    types,
};
use durable_grpc::{Calls, DirectChannel, SqliteStore, Target};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use ledger::Mode;
use platform::{
    Clock, Shutdown, keys::KeyDir, provider::Provider, roles::Roles, token::hash_bearer,
};
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::TestDb;
use tower::ServiceExt as _;

use super::bank::Bank;
use crate::{
    App, Config, Deps, Migrator,
    actions::{send_settlement, sweep_transfers, take_events},
    build,
    domain::ids::{EscrowId, SagaId, WinnerId},
    service::Shared,
    store::alert,
};

pub(crate) const ADMIN: &str = "hs_test_admin";
pub(crate) const DESTINATION: &str = "acct_merchant";

pub(crate) struct World {
    pub(crate) db: TestDb,
    pub(crate) clock: Clock,
    pub(crate) bank: Arc<Bank>,
    pub(crate) app: App,
    pub(crate) calls: Calls,
    pub(crate) shutdown: Shutdown,
    provider: Arc<dyn Provider>,
    config: Config,
    files: TempDir,
}

/// A merchant with a product.
pub(crate) struct Shop {
    pub(crate) merchant: String,
    pub(crate) token: String,
    pub(crate) product: String,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Reply {
    #[track_caller]
    pub(crate) fn expect(self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    #[track_caller]
    pub(crate) fn refused(self, status: StatusCode, code: &str) -> Value {
        assert_eq!((self.status, &self.body["code"]), (status, &json!(code)), "{}", self.body);
        self.body
    }
}

impl World {
    /// One per engine.
    pub(crate) async fn each() -> Vec<Self> {
        Self::each_with(Config::default()).await
    }

    pub(crate) async fn each_with(config: Config) -> Vec<Self> {
        let mut worlds = Vec::new();
        for db in testkit::databases::<Migrator>().await {
            worlds.push(Self::on(db, config.clone()).await);
        }
        worlds
    }

    /// On this engine, if it is there.
    pub(crate) async fn of(engine: &str) -> Option<Self> {
        let db = match engine {
            "postgres" => testkit::postgres::<Migrator>().await?,
            _ => testkit::sqlite::<Migrator>().await,
        };
        Some(Self::on(db, Config::default()).await)
    }

    /// On SQLite alone, for what does not depend on the engine.
    pub(crate) async fn sqlite() -> Self {
        Self::on(testkit::sqlite::<Migrator>().await, Config::default()).await
    }

    async fn on(db: TestDb, config: Config) -> Self {
        let bank = Arc::new(Bank::default());
        Self::with_provider(db, config, clock(), bank.clone(), bank).await
    }

    /// With a provider other than the bank, which then nobody asks.
    pub(crate) async fn with_provider(
        db: TestDb,
        config: Config,
        clock: Clock,
        bank: Arc<Bank>,
        provider: Arc<dyn Provider>,
    ) -> Self {
        let files = tempfile::tempdir().unwrap();
        let calls = Calls::builder(SqliteStore::open(files.path().join("calls.db")).unwrap())
            .descriptors(contracts::FILE_DESCRIPTOR_SET)
            .build()
            .unwrap();
        let shutdown = Shutdown::new();
        let deps = Deps {
            db: db.clone(),
            clock: clock.clone(),
            keys: KeyDir::open(&files.path().join("keys")).unwrap(),
            mode: Mode::Test,
            shutdown: shutdown.clone(),
            calls: calls.clone(),
            provider: provider.clone(),
            admin_token_hash: hash_bearer(ADMIN),
            roles: Roles::embedded(),
        };
        let app = build(config.clone(), deps).await.unwrap();
        Self { db, clock, bank, app, calls, shutdown, provider, config, files }
    }

    /// The process dies and begins again, on the same database and with the same keys.
    pub(crate) async fn restart(&mut self) {
        let deps = Deps {
            db: self.db.reopen().await,
            clock: self.clock.clone(),
            keys: KeyDir::open(&self.files.path().join("keys")).unwrap(),
            mode: Mode::Test,
            shutdown: self.shutdown.clone(),
            calls: self.calls.clone(),
            provider: self.provider.clone(),
            admin_token_hash: hash_bearer(ADMIN),
            roles: Roles::embedded(),
        };
        self.app = build(self.config.clone(), deps).await.unwrap();
    }

    pub(crate) fn service(&self) -> &Shared {
        self.app.service()
    }

    pub(crate) fn pass(&self, by: SignedDuration) {
        self.clock.advance(by).unwrap();
    }

    // --- HTTP

    pub(crate) async fn send(&self, request: Request<Body>) -> Response {
        platform::http::edge(self.app.router.clone()).oneshot(request).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, token: &str, key: &str, body: Value) -> Reply {
        let mut request = Request::post(format!("/api/giftcard/v1{path}"))
            .header(header::CONTENT_TYPE, "application/json");
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        reply(self.send(request.body(Body::from(body.to_string())).unwrap()).await).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Reply {
        let request = Request::get(format!("/api/giftcard/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty())
            .unwrap();
        reply(self.send(request).await).await
    }

    pub(crate) async fn webhook(&self, id: &str, kind: &str, provider_ref: &str) -> StatusCode {
        let body = json!({ "id": id, "kind": kind, "reference": provider_ref });
        let request = Request::post("/api/giftcard/v1/webhooks/provider")
            .header("signature", "good")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.send(request).await.status()
    }

    // --- gRPC

    pub(crate) fn rpc(&self) -> GiftcardServiceClient<DirectChannel> {
        GiftcardServiceClient::new(Target::in_process(self.app.grpc.clone()).channel())
    }

    // --- Shortcuts through several steps

    pub(crate) async fn shop(&self) -> Shop {
        self.shop_with(json!({})).await
    }

    pub(crate) async fn shop_with(&self, terms: Value) -> Shop {
        self.open_shop(terms, DESTINATION).await
    }

    /// A shop that is paid somewhere else.
    pub(crate) async fn shop_paid_at(&self, destination: &str) -> Shop {
        self.open_shop(json!({}), destination).await
    }

    async fn open_shop(&self, terms: Value, destination: &str) -> Shop {
        let body = json!({
            "name": "Café Sonne", "email": "till@sonne.example", "payout_destination": destination,
        });
        let key = EscrowId::new().to_string();
        let merchant = self.post("/merchants", ADMIN, &key, body).await.expect(StatusCode::CREATED);
        let merchant = text(&merchant, "id");
        let path = format!("/merchants/{merchant}/tokens");
        let token = self.post(&path, ADMIN, "", json!({})).await.expect(StatusCode::CREATED);
        let token = text(&token, "token");
        let mut product = json!({ "name": "Coffee card", "currency": "EUR", "min_minor": 100, "max_minor": 50_000 });
        product.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
        let product = self.post("/products", &token, "", product).await.expect(StatusCode::CREATED);
        Shop { merchant, token, product: text(&product, "id") }
    }

    /// Escrows of these values, reserved in one batch.
    pub(crate) async fn reserve(&self, shop: &Shop, minors: &[i64]) -> (SagaId, Vec<EscrowId>) {
        let (saga, ids) =
            (SagaId::new(), minors.iter().map(|_| EscrowId::new()).collect::<Vec<_>>());
        let request = reserve_request(shop, saga, &ids, minors);
        self.rpc().reserve_escrows(request).await.unwrap();
        (saga, ids)
    }

    pub(crate) async fn confirm(&self, saga: SagaId, ids: &[EscrowId]) {
        self.rpc().confirm_escrows(confirm_request(saga, ids)).await.unwrap();
    }

    /// A card of this value, ready to be revealed.
    pub(crate) async fn card(&self, shop: &Shop, minor: i64) -> String {
        let (saga, ids) = self.reserve(shop, &[minor]).await;
        self.confirm(saga, &ids).await;
        let request = IssueCardRequest {
            escrow_id: ids[0].to_string(),
            winner_id: WinnerId::new().to_string(),
        };
        self.rpc().issue_card(request).await.unwrap().into_inner().card_id
    }

    /// The code of a card, as its winner sees it.
    pub(crate) async fn code(&self, card: &str) -> String {
        let request = MintRevealTokenRequest { card_id: card.to_owned() };
        let token = self.rpc().mint_reveal_token(request).await.unwrap().into_inner().token;
        let revealed = self.post("/cards/reveal", "", "", json!({ "token": token })).await;
        text(&revealed.expect(StatusCode::OK), "code")
    }

    /// A card of this value, and its code.
    pub(crate) async fn card_code(&self, shop: &Shop, minor: i64) -> (String, String) {
        let card = self.card(shop, minor).await;
        let code = self.code(&card).await;
        (card, code)
    }

    pub(crate) async fn redeem(&self, shop: &Shop, code: &str, minor: i64) -> Reply {
        let id = EscrowId::new().to_string();
        let body = json!({ "code": code, "amount": eur(minor), "external_id": id });
        self.post("/redemptions", &shop.token, &id, body).await
    }

    pub(crate) async fn request_settlement(&self, shop: &Shop) -> Reply {
        let key = EscrowId::new().to_string();
        self.post("/settlements", &shop.token, &key, json!({ "currency": "EUR" })).await
    }

    pub(crate) async fn settlement(&self, shop: &Shop, id: &str) -> Value {
        self.get(&format!("/settlements/{id}"), &shop.token).await.expect(StatusCode::OK)
    }

    /// A settlement of a redemption of this amount, requested and not yet sent.
    pub(crate) async fn requested(&self, shop: &Shop, minor: i64) -> String {
        let (_, code) = self.card_code(shop, minor).await;
        self.redeem(shop, &code, minor).await.expect(StatusCode::CREATED);
        text(&self.request_settlement(shop).await.expect(StatusCode::ACCEPTED), "id")
    }

    // --- What the scans do, one run at a time

    pub(crate) async fn send_due(&self) {
        send_settlement::send_due(self.service()).await.unwrap();
    }

    pub(crate) async fn sweep(&self) {
        let (service, name) = (self.service(), sweep_transfers::NAME);
        crate::store::schedule::claim(service.db.write(), name, service.now_ms(), (0, 1))
            .await
            .unwrap();
        sweep_transfers::sweep_transfers(service).await.unwrap();
    }

    pub(crate) async fn handle_events(&self) {
        take_events::handle_due(self.service()).await.unwrap();
    }

    /// The kinds of all alerts, in the order of their names.
    pub(crate) async fn alerts(&self) -> Vec<String> {
        let rows = alert::entity::Entity::find().all(self.db.read()).await.unwrap();
        let mut kinds: Vec<_> = rows.into_iter().map(|row| row.kind).collect();
        kinds.sort();
        kinds
    }

    /// Every invariant that this service can check alone.
    pub(crate) async fn assert_sound(&self) {
        let part =
            crate::audit::run(self.db.read(), self.clock.now(), &crate::audit::Limits::default())
                .await
                .unwrap();
        assert!(part.violations.is_empty(), "{} on {}", json!(part.violations), self.db);
    }
}

/// A clock that stands still.
pub(crate) fn clock() -> Clock {
    Clock::manual(Timestamp::from_second(1_790_000_000).unwrap())
}

pub(crate) fn eur(minor: i64) -> Value {
    json!({ "minor": minor, "currency": "EUR" })
}

pub(crate) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}")).to_owned()
}

pub(crate) fn reserve_request(
    shop: &Shop,
    saga: SagaId,
    ids: &[EscrowId],
    minors: &[i64],
) -> ReserveEscrowsRequest {
    let items = ids.iter().zip(minors).map(|(id, minor)| EscrowItem {
        escrow_id: id.to_string(),
        product_id: shop.product.clone(),
        value: Some(types::Money { minor: *minor, currency: "EUR".to_owned() }),
    });
    ReserveEscrowsRequest { saga_id: saga.to_string(), batch: 0, items: items.collect() }
}

pub(crate) fn confirm_request(saga: SagaId, ids: &[EscrowId]) -> ConfirmEscrowsRequest {
    ConfirmEscrowsRequest {
        saga_id: saga.to_string(),
        escrow_ids: ids.iter().map(ToString::to_string).collect(),
    }
}

pub(crate) async fn reply(response: Response) -> Reply {
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let body = match bytes.as_ref() {
        b"" => Value::Null,
        bytes => serde_json::from_slice(bytes).unwrap(),
    };
    Reply { status, body }
}
