//! `handsel serve` with Stripe: a top-up is paid at Stripe's page, and its signed message credits the
//! wallet once.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use platform::Clock;
use serde_json::{Value, json};
use testkit::stripe::{API_KEY, Stripe, WEBHOOK_SECRET};

/// A cold start of an unoptimised build beside other tests.
const LIMIT: Duration = Duration::from_secs(60);

/// The server and who talks to it.
struct Server {
    child: Child,
    url: String,
    http: reqwest::Client,
}

impl Server {
    async fn start(data: &Path, stripe: &Stripe) -> Self {
        let port = testkit::free_port();
        let child = Command::new(env!("CARGO_BIN_EXE_handsel"))
            .args(["serve", "--data", "data", "--listen", &format!("127.0.0.1:{port}")])
            // The other endpoint's secret stands beside it, as Stripe gives each one of its own.
            .env("HANDSEL__PROVIDER__WEBHOOK_SECRET", format!("whsec_other,{WEBHOOK_SECRET}"))
            .env("HANDSEL__PROVIDER__KIND", "stripe")
            .env("HANDSEL__PROVIDER__URL", stripe.url())
            .env("HANDSEL__PROVIDER__API_KEY", API_KEY)
            .env("HANDSEL__GIVEAWAY__PAYMENT_SWEEP_SECONDS", "1")
            .current_dir(data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let server = Self { child, url, http };
        testkit::eventually(LIMIT, async || {
            server.http.get(format!("{}/livez", server.url)).send().await.is_ok()
        })
        .await;
        server
    }

    async fn call(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Value {
        let url = format!("{}/api/giveaway/v1{path}", self.url);
        let mut request = self.http.request(method.parse().unwrap(), url).bearer_auth(token);
        if let Some(body) = body {
            request = request.header("idempotency-key", path).json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let answer: Value = response.json().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        answer
    }

    /// The token of a new host.
    async fn host(&self, data: &Path) -> String {
        let admin = std::fs::read_to_string(data.join("data/admin-token")).unwrap();
        let admin = admin.trim_end();
        let host = json!({ "name": "Atelier", "email": "host@atelier.example" });
        let host = text(&self.call("POST", "/hosts", admin, Some(host)).await, "id");
        let tokens = format!("/hosts/{host}/tokens");
        text(&self.call("POST", &tokens, admin, Some(json!({}))).await, "token")
    }

    async fn available(&self, host: &str) -> i64 {
        let wallet = self.call("GET", "/wallet", host, None).await;
        wallet["balances"][0]["available"]["minor"].as_i64().unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} of {value}")).to_owned()
}

#[tokio::test]
async fn a_top_up_is_paid_at_stripe_and_credited_once() {
    let dir = tempfile::tempdir().unwrap();
    let stripe = Stripe::start(Clock::system()).await.unwrap();
    let server = Server::start(dir.path(), &stripe).await;
    assert!(!dir.path().join("data/bank.db").exists(), "no sandbox bank beside Stripe");
    let host = server.host(dir.path()).await;

    let amount = json!({ "amount": { "minor": 5_000, "currency": "EUR" } });
    let top_up = server.call("POST", "/wallet/top-ups", &host, Some(amount)).await;
    let session = stripe.sessions()[0].clone();
    assert_eq!(
        (&top_up["checkout_url"], &session["amount_total"]),
        (&session["url"], &5_000.into())
    );
    assert_eq!(session["client_reference_id"], top_up["id"]);
    stripe.pay(&text(&session, "id"));

    // Pushed to both applications, as two endpoints of one account are, and twice at that.
    let (headers, body) = stripe.webhook(&stripe.last_event("payment_intent.succeeded"));
    for service in ["giveaway", "giftcard", "giveaway"] {
        let url = format!("{}/api/{service}/v1/webhooks/provider", server.url);
        let request = server.http.post(url).headers(headers.clone()).body(body.clone());
        let status = request.send().await.unwrap().status();
        assert!(status.is_success(), "{service}: {status}");
    }
    let path = format!("/wallet/top-ups/{}", text(&top_up, "id"));
    testkit::eventually(LIMIT, async || {
        server.call("GET", &path, &host, None).await["state"] == "paid"
    })
    .await;
    assert_eq!(server.available(&host).await, 5_000);
}

#[tokio::test]
async fn a_payment_whose_message_is_lost_is_found_by_the_sweep() {
    let dir = tempfile::tempdir().unwrap();
    let stripe = Stripe::start(Clock::system()).await.unwrap();
    let server = Server::start(dir.path(), &stripe).await;
    let host = server.host(dir.path()).await;
    let amount = json!({ "amount": { "minor": 5_000, "currency": "EUR" } });
    server.call("POST", "/wallet/top-ups", &host, Some(amount)).await;
    let intent = stripe.pay_in_background(&text(&stripe.sessions()[0], "id"));
    // Swept, and not credited: what it cost is not known. Each sweep asks for events at least once,
    // and at most twice.
    let asked = || stripe.seen().iter().filter(|seen| seen.path == "/v1/events").count();
    let before = asked();
    testkit::eventually(LIMIT, async || asked() > before + 2).await;
    assert_eq!(server.available(&host).await, 0);
    stripe.finish_capture(&intent);
    testkit::eventually(LIMIT, async || server.available(&host).await == 5_000).await;
}
