//! The adapter against small servers that answer, or fail to, in every way that matters.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::SandboxProvider;
use crate::provider::{
    CheckoutState, NewCheckout, NewRefund, NewTransfer, PaymentStatus, Provider, ProviderAmount,
    ProviderError, TransferOutcome, TransferStatus, WebhookError, WebhookEventKind,
};

const SECRET: &str = "whsec_of_the_test";

/// What the server was asked, and the one answer that it gives.
#[derive(Clone)]
struct Script {
    status: StatusCode,
    body: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Debug)]
struct Seen {
    method: String,
    uri: String,
    headers: HeaderMap,
    body: Value,
}

impl Script {
    fn last(&self) -> Seen {
        self.seen.lock().unwrap().pop().expect("a request")
    }
}

async fn answer(State(script): State<Script>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 64 * 1024).await.unwrap();
    script.seen.lock().unwrap().push(Seen {
        method: parts.method.to_string(),
        uri: parts.uri.to_string(),
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    });
    (script.status, script.body).into_response()
}

async fn provider_answering(status: u16, body: impl ToString) -> (SandboxProvider, Script) {
    let script = Script {
        status: StatusCode::from_u16(status).unwrap(),
        body: body.to_string(),
        seen: Arc::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = provider_at(&listener);
    let router = Router::new().fallback(answer).with_state(script.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (provider, script)
}

fn provider_at(listener: &TcpListener) -> SandboxProvider {
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    SandboxProvider::new(&base_url, "key_of_the_test", SECRET).unwrap()
}

fn asked() -> NewTransfer {
    NewTransfer {
        provider_ref: "stl_1_1".to_owned(),
        amount: ProviderAmount::new(1250, "USD"),
        destination: "acct_9".to_owned(),
    }
}

fn object(status: &str) -> Value {
    json!({
        "id": "trf_1", "reference": "stl_1_1", "amount_minor": 1250, "currency": "USD",
        "destination": "acct_9", "status": status, "failure_code": null,
        "created_at": "2026-03-01T10:00:00Z", "a_field_of_later": true,
    })
}

fn typed_error(code: &str) -> Value {
    json!({"error": {"type": "refusal", "code": code, "message": "no"}})
}

fn kind_of(outcome: &TransferOutcome) -> &'static str {
    match outcome {
        TransferOutcome::Paid(_) => "paid",
        TransferOutcome::Pending(_) => "pending",
        TransferOutcome::Failed(_) => "failed",
        TransferOutcome::Reversed(_) => "reversed",
        TransferOutcome::Refused { .. } => "refused",
        TransferOutcome::NotSent { .. } => "not sent",
        TransferOutcome::Unknown { .. } => "unknown",
    }
}

#[tokio::test]
async fn a_send_concludes_only_what_the_answer_proves() {
    let with = |field: &str, value: Value| {
        let mut object = object("paid");
        object[field] = value;
        object.to_string()
    };
    let cases = [
        (201, object("paid").to_string(), "paid"),
        (200, object("paid").to_string(), "paid"),
        (201, object("pending").to_string(), "pending"),
        (201, object("failed").to_string(), "failed"),
        (201, object("reversed").to_string(), "reversed"),
        (402, typed_error("insufficient_funds").to_string(), "refused"),
        (401, typed_error("api_key_invalid").to_string(), "refused"),
        (429, typed_error("rate_limited").to_string(), "refused"),
        // The earlier request with this key did happen.
        (409, typed_error("idempotency_key_reuse").to_string(), "unknown"),
        // Whoever answered, it was not the bank.
        (402, "payment required".to_owned(), "unknown"),
        (404, "<html>no such page</html>".to_owned(), "unknown"),
        (403, json!({"error": "forbidden"}).to_string(), "unknown"),
        (500, typed_error("internal").to_string(), "unknown"),
        (502, "bad gateway".to_owned(), "unknown"),
        (302, String::new(), "unknown"),
        // A success that cannot be read, or speaks of something else.
        (201, "{\"id\":\"trf_1\"".to_owned(), "unknown"),
        (200, "{}".to_owned(), "unknown"),
        (201, with("status", json!("teleported")), "unknown"),
        (201, with("amount_minor", json!(1251)), "unknown"),
        (201, with("amount_minor", json!("1250")), "unknown"),
        (201, with("currency", json!("EUR")), "unknown"),
        (201, with("destination", json!("acct_8")), "unknown"),
        (201, with("reference", json!("stl_1_2")), "unknown"),
        (201, " ".repeat(2 * 1024 * 1024), "unknown"),
    ];
    for (status, body, expected) in cases {
        let (provider, _) = provider_answering(status, &body).await;
        let outcome = provider.transfer(asked()).await;
        let shown = body.chars().take(80).collect::<String>();
        assert_eq!(kind_of(&outcome), expected, "{status} {shown}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_send_carries_credentials_key_and_body() {
    let (provider, script) = provider_answering(201, object("paid")).await;
    let TransferOutcome::Paid(transfer) = provider.transfer(asked()).await else {
        panic!("not paid");
    };
    assert_eq!(transfer.id, "trf_1");
    assert_eq!(transfer.status, TransferStatus::Paid);
    let seen = script.last();
    assert_eq!((seen.method.as_str(), seen.uri.as_str()), ("POST", "/v1/transfers"));
    assert_eq!(seen.headers["authorization"], "Bearer key_of_the_test");
    assert_eq!(seen.headers["idempotency-key"], "stl_1_1");
    assert_eq!(
        seen.body,
        json!({"reference": "stl_1_1", "amount_minor": 1250, "currency": "USD", "destination": "acct_9"})
    );
}

#[tokio::test]
async fn no_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = provider_at(&listener);
    drop(listener);
    let outcome = provider.transfer(asked()).await;
    assert_eq!(kind_of(&outcome), "not sent", "{outcome:?}");
    let error = provider.transfer_by_reference("stl_1_1").await.unwrap_err();
    assert!(matches!(error, ProviderError::NotSent { .. }), "{error:?}");
}

#[tokio::test]
async fn a_connection_lost_after_the_send_is_unknown() {
    for prefix in ["", "HTTP/1.1 201 Created\r\ncontent-length: 900\r\n\r\n{\"id\":"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = provider_at(&listener);
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0_u8; 4096];
            let _ = stream.read(&mut buffer).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, prefix.as_bytes()).await.unwrap();
        });
        let outcome = provider.transfer(asked()).await;
        assert_eq!(kind_of(&outcome), "unknown", "{outcome:?}");
    }
}

#[tokio::test]
async fn silence_is_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = provider_at(&listener).with_answer_timeout(Duration::from_millis(50));
    let silent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sink = Vec::new();
        stream.read_to_end(&mut sink).await.unwrap();
    });
    let outcome = provider.transfer(asked()).await;
    assert_eq!(kind_of(&outcome), "unknown", "{outcome:?}");
    silent.await.unwrap();
}

#[tokio::test]
async fn a_look_up_tells_none_one_several_and_unknown_apart() {
    let page = |items: Vec<Value>| json!({"items": items, "cursor": null, "has_more": false});
    let (provider, script) = provider_answering(200, page(vec![])).await;
    assert_eq!(provider.transfer_by_reference("stl_1_1&x=1").await, Ok(None));
    assert_eq!(script.last().uri, "/v1/transfers?reference=stl_1_1%26x%3D1");

    let (provider, _) = provider_answering(200, page(vec![object("pending")])).await;
    let found = provider.transfer_by_reference("stl_1_1").await.unwrap().unwrap();
    assert_eq!(found.status, TransferStatus::Pending);
    assert!(found.matches(&asked()));
    let error = provider.transfer_by_reference("stl_2_1").await.unwrap_err();
    assert!(matches!(error, ProviderError::Unknown { .. }), "another one's transfer: {error:?}");

    let (provider, _) = provider_answering(200, page(vec![object("paid"), object("paid")])).await;
    let error = provider.transfer_by_reference("stl_1_1").await.unwrap_err();
    assert_eq!(error, ProviderError::Ambiguous { reference: "stl_1_1".to_owned(), count: 2 });

    for (status, body) in [(404, "not here".to_owned()), (500, String::new()), (200, "[]".into())] {
        let (provider, _) = provider_answering(status, body).await;
        let error = provider.transfer_by_reference("stl_1_1").await.unwrap_err();
        assert!(matches!(error, ProviderError::Unknown { .. }), "{status}: {error:?}");
    }
}

#[tokio::test]
async fn listings_keep_their_cursor_when_nothing_is_new() {
    let empty = json!({"items": [], "cursor": null, "has_more": false});
    let (provider, script) = provider_answering(200, &empty).await;
    let page = provider.transfers(Some("17")).await.unwrap();
    assert_eq!((page.items.len(), page.cursor.as_deref()), (0, Some("17")));
    assert_eq!(script.last().uri, "/v1/transfers?limit=100&after=17");
    assert_eq!(provider.payments(None).await.unwrap().cursor, None);
    assert_eq!(script.last().uri, "/v1/payments?limit=100");

    let full = json!({"items": [object("paid")], "cursor": "18", "has_more": true});
    let (provider, _) = provider_answering(200, full).await;
    let page = provider.transfers(None).await.unwrap();
    assert_eq!((page.items.len(), page.cursor.as_deref(), page.has_more), (1, Some("18"), true));
}

#[tokio::test]
async fn payments_are_found_missing_or_unknown() {
    let payment = json!({
        "id": "pay_1", "reference": "top_1", "amount_minor": 5000, "currency": "USD",
        "cost_minor": 30, "refunded_minor": 0, "charged_back_minor": 5000,
        "status": "charged_back", "created_at": "2026-03-01T10:00:00Z",
    });
    let (provider, _) = provider_answering(200, payment).await;
    let found = provider.payment("pay_1").await.unwrap().unwrap();
    assert_eq!((found.cost_minor, found.charged_back_minor), (30, 5000));
    assert_eq!(found.status, PaymentStatus::ChargedBack);
    assert!(provider.payment("pay_2").await.is_err(), "another payment's object");

    let (provider, script) = provider_answering(404, typed_error("not_found")).await;
    assert_eq!(provider.payment("../transfers").await, Ok(None));
    assert_eq!(script.last().uri, "/v1/payments/..%2Ftransfers");

    let (provider, _) = provider_answering(404, "nginx").await;
    assert!(matches!(provider.payment("pay_1").await, Err(ProviderError::Unknown { .. })));
}

#[tokio::test]
async fn checkouts_and_refunds_must_be_the_ones_asked_for() {
    let checkout = NewCheckout {
        reference: "top_1".to_owned(),
        amount: ProviderAmount::new(5000, "USD"),
        description: "Wallet".to_owned(),
        return_url: None,
    };
    let opened = json!({
        "id": "cko_1", "url": "http://bank/pay/cko_1", "status": "open", "reference": "top_1",
        "amount_minor": 5000, "currency": "USD", "payment_id": null,
    });
    let (provider, script) = provider_answering(201, opened.clone()).await;
    let made = provider.create_checkout(checkout.clone()).await.unwrap();
    assert_eq!((made.id.as_str(), made.url.as_str()), ("cko_1", "http://bank/pay/cko_1"));
    assert_eq!(script.last().headers["idempotency-key"], "top_1");
    let other = NewCheckout { amount: ProviderAmount::new(5001, "USD"), ..checkout };
    assert!(matches!(provider.create_checkout(other).await, Err(ProviderError::Unknown { .. })));
    assert_eq!(provider.checkout("cko_1").await, Ok(Some(CheckoutState::Open)));
    assert!(matches!(provider.checkout("cko_2").await, Err(ProviderError::Unknown { .. })));
    let (provider, _) = provider_answering(200, {
        let mut paid = opened;
        paid["status"] = "paid".into();
        paid
    })
    .await;
    let unclear = provider.checkout("cko_1").await;
    assert!(
        matches!(unclear, Err(ProviderError::Unknown { .. })),
        "paid by no payment: {unclear:?}"
    );

    let refund = NewRefund {
        reference: "rfd_ours".to_owned(),
        payment_id: "pay_1".to_owned(),
        amount: ProviderAmount::new(700, "USD"),
    };
    let made =
        json!({"id": "rfd_1", "payment_id": "pay_1", "amount_minor": 700, "currency": "USD"});
    let (provider, _) = provider_answering(201, made).await;
    assert_eq!(provider.refund(refund.clone()).await.unwrap().id, "rfd_1");
    let (provider, _) = provider_answering(409, typed_error("refund_exceeds_payment")).await;
    let error = provider.refund(refund).await.unwrap_err();
    assert!(
        matches!(error, ProviderError::Refused { ref code, .. } if code == "refund_exceeds_payment")
    );
}

#[test]
fn webhooks_are_believed_only_when_signed_and_recent() {
    let provider = SandboxProvider::new("http://127.0.0.1:1", "key", SECRET).unwrap();
    let now: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
    let body = json!({
        "id": "evt_1", "type": "payment.paid", "created_at": "2026-03-01T09:59:00Z",
        "data": {"id": "pay_1", "reference": "top_1", "amount_minor": 1},
    })
    .to_string();
    let at = |offset_s: i64| (now + SignedDuration::from_secs(offset_s)).as_second();
    let good = sign(SECRET, at(0), &body);
    let verify = |header: &str, body: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("bank-signature", HeaderValue::from_str(header).unwrap());
        provider.verify_webhook(&headers, body.as_bytes(), now)
    };

    let event = verify(&format!("t={},v1={good}", at(0)), &body).unwrap();
    assert_eq!((event.id.as_str(), event.object_id.as_str()), ("evt_1", "pay_1"));
    assert_eq!(event.kind, WebhookEventKind::PaymentPaid);
    assert_eq!(event.reference.as_deref(), Some("top_1"));

    // A second signature, of another secret or scheme, does no harm.
    let rotated = format!("t={},v1={},v1={good},v2=x", at(0), sign("old", at(0), &body));
    assert!(verify(&rotated, &body).is_ok());
    for offset_s in [-300, 300] {
        let header = format!("t={},v1={}", at(offset_s), sign(SECRET, at(offset_s), &body));
        assert!(verify(&header, &body).is_ok(), "{offset_s} s");
    }
    for offset_s in [-301, 301] {
        let header = format!("t={},v1={}", at(offset_s), sign(SECRET, at(offset_s), &body));
        let error = verify(&header, &body).unwrap_err();
        assert!(matches!(error, WebhookError::OutsideTolerance { .. }), "{offset_s} s");
    }

    let mismatch = Err(WebhookError::SignatureMismatch);
    assert_eq!(verify(&format!("t={},v1={good}", at(1)), &body), mismatch, "moved time");
    assert_eq!(verify(&format!("t={},v1={good}", at(0)), &body.replace('1', "2")), mismatch);
    assert_eq!(verify(&format!("t={},v1={}", at(0), &good[..32]), &body), mismatch, "shortened");
    assert_eq!(verify(&format!("t={},v1={}", at(0), sign("other", at(0), &body)), &body), mismatch);
    for header in ["", "t=1", "v1=00", "t=x,v1=00", "t=1,v1=zz", "t=1,t=1,v1=00"] {
        assert_eq!(verify(header, &body), Err(WebhookError::SignatureMalformed), "{header:?}");
    }
    assert_eq!(
        provider.verify_webhook(&HeaderMap::new(), body.as_bytes(), now),
        Err(WebhookError::SignatureMissing)
    );
    let signed_noise = format!("t={},v1={}", at(0), sign(SECRET, at(0), "noise"));
    assert!(matches!(verify(&signed_noise, "noise"), Err(WebhookError::BodyMalformed { .. })));
}

#[test]
fn debug_shows_no_secret_and_a_bad_address_is_refused() {
    let provider = SandboxProvider::new("http://127.0.0.1:1", "key_secret", SECRET).unwrap();
    let shown = format!("{provider:?}");
    assert!(!shown.contains("key_secret") && !shown.contains(SECRET), "{shown}");
    for base_url in ["", "bank", "mailto:a@b.example", "ftp://bank.example"] {
        assert!(SandboxProvider::new(base_url, "key", SECRET).is_err(), "{base_url:?}");
    }
    assert!(SandboxProvider::new("http://bank", "line\nbreak", SECRET).is_err());
}

fn sign(secret: &str, signed_at_s: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{signed_at_s}.{body}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
