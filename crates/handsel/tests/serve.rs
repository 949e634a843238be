//! `handsel serve` and the small commands, as processes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use contracts::{
    giftcard::{CancelEscrowsRequest, giftcard_service_client::GiftcardServiceClient},
    processor::{GetCountsRequest, analytics_service_client::AnalyticsServiceClient},
};
use durable_grpc::{
    CALL_ID, CallId, CallStore as _, Calls, MacKey, RequestExt as _, SqliteStore,
    store::{CallState, EndKind},
};
use platform::rpc::ServiceCredential;
use sea_orm_migration::MigratorTrait as _;
use serde_json::Value;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// A cold start of an unoptimised build beside other tests.
const LIMIT: Duration = Duration::from_secs(60);

fn handsel(data: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handsel"));
    // A configuration file of whoever runs the tests must not matter.
    command.args(args).current_dir(data);
    command
}

fn run(data: &Path, args: &[&str]) -> Output {
    handsel(data, args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

struct Server {
    child: Child,
    url: String,
    http: reqwest::Client,
}

impl Server {
    async fn start(data: &Path, settings: &[(&str, &str)]) -> Self {
        let port = testkit::free_port();
        let child = handsel(data, &["serve", "--data", "data", "--listen"])
            .arg(format!("127.0.0.1:{port}"))
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let server = Self { child, url, http };
        testkit::eventually(LIMIT, async || server.get("/livez").await.0 == 200).await;
        server
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        match self.http.get(format!("{}{path}", self.url)).send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                (status, response.json().await.unwrap_or(Value::Null))
            }
            Err(_) => (0, Value::Null),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test]
async fn it_says_what_it_is_ready_for_and_hides_what_is_for_the_demo() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]).await;
    let (status, ready) = server.get("/readyz").await;
    assert_eq!((status, &ready["ready"]), (200, &Value::Bool(true)), "{ready}");
    assert!(ready["warnings"][0].as_str().unwrap().contains("smtp.host"), "{ready}");
    for hidden in ["/dev/clock", "/dev/mail", "/dev/mail.json"] {
        assert_eq!(server.get(hidden).await.0, 404, "{hidden}");
    }
    let (status, problem) = server.get("/nowhere").await;
    assert_eq!((status, &problem["code"]), (404, &"not_found".into()));
    let second = run(dir.path(), &["serve", "--data", "data", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(2), "two processes must not share a data folder");
    let audit = run(dir.path(), &["audit", "--data", "data", "--json"]);
    let report: Value = serde_json::from_slice(&audit.stdout).unwrap();
    assert_eq!(report["audit"], "clean");
}

#[tokio::test]
async fn it_counts_for_the_administrator() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]).await;
    assert_eq!(server.get("/metrics").await.0, 401);
    let token = std::fs::read_to_string(dir.path().join("data/admin-token")).unwrap();
    let text = async || {
        let request = server.http.get(format!("{}/metrics", server.url));
        let response = request.bearer_auth(token.trim_end()).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        response.text().await.unwrap()
    };
    // A lane that a service calls through is looked at from then on.
    let counted = async || text().await.contains("durable_waiting").then_some(()).ok_or("nothing");
    testkit::eventually(LIMIT, counted).await;
}

#[tokio::test]
async fn it_moves_time_in_demo_mode_only_forward() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[("HANDSEL__DEMO", "true")]).await;
    let now = async || -> jiff::Timestamp {
        server.get("/dev/clock").await.1["now"].as_str().unwrap().parse().unwrap()
    };
    let before = now().await;
    let advance = async |seconds: i64| {
        let url = format!("{}/dev/clock", server.url);
        let body = serde_json::json!({"advance_seconds": seconds});
        server.http.post(url).json(&body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(advance(3_600).await, 200);
    assert!(now().await.duration_since(before).as_secs() >= 3_600);
    assert_eq!(advance(-1).await, 422);
    assert_eq!(server.get("/dev/mail").await.0, 200);
}

#[tokio::test]
async fn the_grpc_port_serves_whoever_has_the_credential() {
    let dir = tempfile::tempdir().unwrap();
    let port = testkit::free_port();
    let listen = format!("127.0.0.1:{port}");
    let server = Server::start(dir.path(), &[("HANDSEL__GRPC__LISTEN", &listen)]).await;
    assert_eq!(server.get("/livez").await.0, 200);
    let channel = Channel::from_shared(format!("http://{listen}")).unwrap();
    let channel = testkit::eventually(LIMIT, async || channel.clone().connect().await).await;
    let counts = GetCountsRequest { giveaway_id: "gvw_1".into() };
    let mut stranger = AnalyticsServiceClient::new(channel.clone());
    let refused = stranger.get_counts(counts.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);

    let header = credential(&dir.path().join("data")).header();
    let credential = header.to_str().unwrap().parse::<tonic::metadata::MetadataValue<_>>().unwrap();
    let carry = move |mut request: tonic::Request<()>| {
        request.metadata_mut().insert("authorization", credential.clone());
        Ok(request)
    };
    let mut own = AnalyticsServiceClient::with_interceptor(channel.clone(), carry.clone());
    assert!(own.get_counts(counts).await.unwrap().into_inner().counts.is_empty());
    let mut health = HealthClient::with_interceptor(channel, carry);
    for service in ["", "handsel.giftcard.v1.GiftcardService", "handsel.processor.v1.MailService"] {
        let asked = HealthCheckRequest { service: service.into() };
        let answer = health.check(asked).await.unwrap().into_inner();
        assert_eq!(answer.status, 1, "{service} is serving");
    }
}

#[tokio::test]
async fn the_credential_alone_makes_no_durable_call() {
    let dir = tempfile::tempdir().unwrap();
    let port = testkit::free_port();
    let listen = format!("127.0.0.1:{port}");
    let _server = Server::start(dir.path(), &[("HANDSEL__GRPC__LISTEN", &listen)]).await;
    let channel = Channel::from_shared(format!("http://{listen}")).unwrap();
    let channel = testkit::eventually(LIMIT, async || channel.clone().connect().await).await;
    let mut client = GiftcardServiceClient::new(channel);
    let header = credential(&dir.path().join("data")).header();
    for seal in [None, Some("0badc0de.00"), Some(&*format!("0badc0de.{}", "00".repeat(32)))] {
        let mut request = tonic::Request::new(cancel_escrows());
        let metadata = request.metadata_mut();
        metadata.insert("authorization", header.to_str().unwrap().parse().unwrap());
        for (name, value) in [
            ("durable-call-id", "0198c0de-0000-7000-8000-000000000001"),
            ("durable-lane", contracts::lane::GIFTCARD),
            ("durable-key", "k"),
            ("durable-attempt", "1"),
            ("durable-time-left-ms", "1000"),
        ] {
            metadata.insert(name, value.parse().unwrap());
        }
        if let Some(seal) = seal {
            metadata.insert("durable-mac", seal.parse().unwrap());
        }
        let refused = client.cancel_escrows(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{seal:?}");
    }
}

#[tokio::test]
async fn a_call_written_straight_into_the_call_store_is_not_executed() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    // The keys and the queue are made by a first start.
    drop(Server::start(dir.path(), &[]).await);
    let submit = async |seal: Option<MacKey>| {
        let mut calls =
            Calls::builder(open_store(&data).await).descriptors(contracts::FILE_DESCRIPTOR_SET);
        if let Some(seal) = seal {
            calls = calls.mac_key(seal);
        }
        let calls = calls.build().unwrap();
        let mut request = tonic::Request::new(cancel_escrows());
        request.durable().key("k").detached();
        let mut client = GiftcardServiceClient::new(calls.channel(contracts::lane::GIFTCARD));
        let accepted = client.cancel_escrows(request).await.unwrap();
        let id = accepted.metadata().get(CALL_ID).unwrap().to_str().unwrap();
        id.parse::<CallId>().unwrap()
    };
    let forged = submit(None).await;
    let server = Server::start(dir.path(), &[]).await;
    testkit::eventually(LIMIT, async || {
        let ready = server.get("/readyz").await.1;
        ready["warnings"].to_string().contains("1 calls of the lane giftcard wait")
    })
    .await;
    drop(server);
    let end = async |id| {
        let found = open_store(&data).await.lookup(vec![id]).await.unwrap().remove(0);
        match found.map(|call| call.state) {
            Some(CallState::Ended(ended)) => Some(ended),
            _ => None,
        }
    };
    let ended = end(forged).await.unwrap();
    assert_eq!(ended.kind, EndKind::Dead);
    assert!(ended.reason.contains("mac"), "{}", ended.reason);

    // The very same call, sealed by a caller of this installation, is executed.
    let sealed = submit(Some(credential(&data).mac_key())).await;
    assert_eq!(sealed, forged, "the key names the call");
    let answered = testkit::eventually(LIMIT, async || {
        drop(Server::start(dir.path(), &[]).await);
        end(sealed).await
    })
    .await;
    assert_eq!(
        (answered.kind, answered.answer.clone().unwrap().code()),
        (EndKind::Answered, Code::Ok)
    );
}

/// What a caller of this installation has and nobody else.
fn credential(data: &Path) -> ServiceCredential {
    let keys = platform::keys::KeyDir::open(&data.join("keys")).unwrap();
    ServiceCredential::new(&keys.key("service").unwrap())
}

/// The call queue, once the server has let go of it.
async fn open_store(data: &Path) -> SqliteStore {
    testkit::eventually(LIMIT, async || SqliteStore::open(data.join("calls.db"))).await
}

/// A command that is done whatever was done before.
fn cancel_escrows() -> CancelEscrowsRequest {
    CancelEscrowsRequest {
        saga_id: format!("sga_{}", "1".repeat(32)),
        escrow_ids: vec![format!("esc_{}", "2".repeat(32))],
    }
}

#[test]
fn a_fresh_folder_is_migrated_once() {
    let dir = tempfile::tempdir().unwrap();
    let dry = run(dir.path(), &["migrate", "--data", "data", "--dry-run"]);
    assert!(stdout(&dry).contains("giveaway: would apply"), "{}", stdout(&dry));
    let first = run(dir.path(), &["migrate", "--data", "data"]);
    assert!(stdout(&first).contains("processor: applied m0001_mail_and_counts"));
    let second = run(dir.path(), &["migrate", "--data", "data"]);
    let saved = dir.path().join("data/backups");
    assert!(!saved.exists(), "there was nothing to save");
    let up_to_date = "giveaway: up to date\ngiftcard: up to date\nprocessor: up to date\n";
    assert_eq!(stdout(&second), up_to_date);
}

#[tokio::test]
async fn a_database_of_an_older_version_is_saved_before_it_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let old = platform::Db::sqlite(&data.join("giveaway.db")).await.unwrap();
    giveaway_api::Migrator::up(old.write(), Some(1)).await.unwrap();
    old.close().await;
    let server = Server::start(dir.path(), &[]).await;
    assert_eq!(server.get("/readyz").await.0, 200);
    let saved: Vec<_> = std::fs::read_dir(data.join("backups")).unwrap().flatten().collect();
    assert_eq!(saved.len(), 1, "{saved:?}");
    let backup = platform::Db::sqlite_read_only(&saved[0].path()).await.unwrap();
    let pending = backup.pending::<giveaway_api::Migrator>().await.unwrap();
    assert!(!pending.is_empty(), "the copy is from before");
}

#[tokio::test]
async fn it_stops_when_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path(), &[]).await;
    let pid = server.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let status = testkit::eventually(LIMIT, async || server.child.try_wait().unwrap()).await;
    assert!(status.success(), "{status}");
    let again = Server::start(dir.path(), &[]).await;
    assert_eq!(again.get("/readyz").await.0, 200);
}

#[test]
fn the_configuration_is_shown_with_its_secrets_masked_and_checked_with_its_keys_named() {
    let dir = tempfile::tempdir().unwrap();
    let toml = "[smtp]\nhost = 'mail.example'\nfrom = 'a@shop.example'\nuser = 'u'\n\
                password = 'hunter2'\n";
    std::fs::write(dir.path().join("handsel.toml"), toml).unwrap();
    let shown = run(dir.path(), &["config", "show"]);
    let text = stdout(&shown);
    assert!(text.contains("mail.example") && !text.contains("hunter2"), "{text}");
    assert!(run(dir.path(), &["config", "check"]).status.success());
    std::fs::write(dir.path().join("handsel.toml"), "[smtp]\nhots = 'mail.example'\n").unwrap();
    let refused = run(dir.path(), &["config", "check"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("hots"));
}

/// What a browser does: one cookie, forms, and no redirect that it is not told of.
struct Browser<'a> {
    server: &'a Server,
    http: reqwest::Client,
    cookie: String,
}

impl<'a> Browser<'a> {
    fn at(server: &'a Server) -> Self {
        let redirect = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().no_proxy().redirect(redirect).build().unwrap();
        Self { server, http, cookie: String::new() }
    }

    /// The status, where it leads, and the page.
    async fn send(&mut self, request: reqwest::RequestBuilder) -> (u16, String, String) {
        let response = request.header("cookie", &self.cookie).send().await.unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.map_or("", |value| value.to_str().unwrap()).to_owned()
        };
        let (set, place) = (header("set-cookie"), header("location"));
        if !set.is_empty() {
            self.cookie = set.split(';').next().unwrap().to_owned();
        }
        (response.status().as_u16(), place, response.text().await.unwrap())
    }

    async fn get(&mut self, path: &str) -> (u16, String, String) {
        let request = self.http.get(format!("{}{path}", self.server.url));
        self.send(request).await
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
        let request = self.http.post(format!("{}{path}", self.server.url)).form(fields);
        self.send(request).await
    }
}

#[tokio::test]
async fn an_administrator_is_made_and_invites_somebody_to_a_till() {
    let dir = tempfile::tempdir().unwrap();
    let before = run(dir.path(), &["admin", "create", "--data", "data"]);
    assert_eq!(before.status.code(), Some(2), "there is no database yet");
    let server = Server::start(dir.path(), &[("HANDSEL__DEMO", "true")]).await;

    // Beside the running server.
    let made = run(dir.path(), &["admin", "create", "--data", "data", "--json"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let link = made["link"].as_str().unwrap();
    let token = link.strip_prefix(&format!("{}/invitation?t=", server.url)).unwrap();
    let mut root = Browser::at(&server);
    let fields = [
        ("t", token),
        ("email", "root@example.org"),
        ("name", "Root"),
        ("password", "nine green lamps"),
    ];
    let (status, place, page) = root.post("/invitation", &fields).await;
    assert_eq!((status, place.as_str()), (303, "/home"), "{page}");
    assert!(root.get("/account").await.2.contains("look after this installation"));
    let again = run(dir.path(), &["admin", "create", "--data", "data"]);
    assert_eq!(again.status.code(), Some(2), "whose is the next?");
    assert!(String::from_utf8_lossy(&again.stderr).contains("name the address of another"));
    let other = ["admin", "create", "--data", "data", "--email", "ada@example.org"];
    assert!(stdout(&run(dir.path(), &other)).contains("/invitation?t="));

    // A merchant of the other application, and somebody at its till.
    let operator = std::fs::read_to_string(dir.path().join("data/admin-token")).unwrap();
    let call = async |path: &str, body: Value| -> Value {
        let request = server.http.post(format!("{}{path}", server.url));
        let request = request.bearer_auth(operator.trim_end()).header("idempotency-key", path);
        let answer = request.json(&body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 201, "{path}");
        answer.json().await.unwrap()
    };
    let merchant = serde_json::json!({
        "name": "Bookshop", "email": "books@example.org", "payout_destination": "bank:books",
    });
    let merchant = call("/api/giftcard/v1/merchants", merchant).await;
    let invited = serde_json::json!({ "email": "bo@example.org", "merchant_id": merchant["id"] });
    call("/api/giveaway/v1/admin/invitations", invited).await;
    let mail = testkit::eventually(LIMIT, async || {
        let (_, mails) = server.get("/dev/mail.json").await;
        let text = mails.to_string();
        let link = text.split("/invitation?t=").nth(1);
        link.and_then(|rest| rest.split(['\\', '"', ' ']).next())
            .map(ToOwned::to_owned)
            .ok_or(text.clone())
    })
    .await;
    let mut bo = Browser::at(&server);
    assert!(bo.get("/till").await.2.contains("Your access token"));
    let fields = [("t", mail.as_str()), ("name", "Bo"), ("password", "eleven blue doors")];
    let (status, place, page) = bo.post("/invitation", &fields).await;
    assert_eq!((status, place.as_str()), (303, "/till"), "{page}");
    assert!(bo.get("/till").await.2.contains("Bookshop"));
    // An administrator is at no till.
    assert!(root.get("/till").await.2.contains("Your access token"));
    // Signing out at the till signs out everywhere.
    let mut kept = Browser::at(&server);
    kept.cookie = bo.cookie.clone();
    assert!(kept.get("/till").await.2.contains("Bookshop"));
    assert_eq!(bo.post("/till/sign-out", &[]).await.0, 303);
    assert!(kept.get("/till").await.2.contains("Your access token"));
}
