//! What each answer proves, whoever gives it. How the whole behaves is tested against a server that
//! keeps its word, in `testkit`.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{BASE_URL, StripeProvider, is_live_key, is_test_key};
use crate::provider::{
    NewCheckout, NewRefund, NewTransfer, Provider as _, ProviderAmount, ProviderError,
    TransferOutcome,
};

const KEY: &str = "sk_test_of_the_test";

/// The one answer of a server, and the targets that it was asked for.
#[derive(Clone)]
struct Script {
    status: StatusCode,
    headers: &'static [(&'static str, &'static str)],
    body: String,
    seen: Arc<Mutex<Vec<String>>>,
}

async fn answer(State(script): State<Script>, request: Request) -> Response {
    script.seen.lock().unwrap().push(request.uri().to_string());
    let mut response = (script.status, script.body).into_response();
    for (name, value) in script.headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}

async fn answering(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: impl ToString,
) -> (StripeProvider, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::default();
    let status = StatusCode::from_u16(status).unwrap();
    let script = Script { status, headers, body: body.to_string(), seen: Arc::clone(&seen) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = provider_at(&listener);
    let router = Router::new().fallback(answer).with_state(script);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (provider, seen)
}

fn provider_at(listener: &TcpListener) -> StripeProvider {
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    StripeProvider::new(&base_url, KEY, "whsec_1").unwrap()
}

fn asked() -> NewTransfer {
    NewTransfer {
        provider_ref: "stl_1_1".to_owned(),
        amount: ProviderAmount::new(1250, "USD"),
        destination: "acct_9".to_owned(),
    }
}

fn object() -> Value {
    json!({
        "id": "tr_1", "object": "transfer", "amount": 1250, "amount_reversed": 0,
        "created": 1_790_000_000, "currency": "usd", "destination": "acct_9",
        "reversed": false, "transfer_group": "stl_1_1", "a_field_of_later": true,
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut object = object();
    object[field] = value;
    object
}

fn error(kind: &str, code: Option<&str>) -> Value {
    json!({"error": {"type": kind, "code": code, "message": "no"}})
}

fn kind_of(outcome: &TransferOutcome) -> String {
    match outcome {
        TransferOutcome::Paid(_) => "paid".to_owned(),
        TransferOutcome::Pending(_) => "pending".to_owned(),
        TransferOutcome::Failed(_) => "failed".to_owned(),
        TransferOutcome::Reversed(_) => "reversed".to_owned(),
        TransferOutcome::Refused { code, .. } => format!("refused: {code}"),
        TransferOutcome::NotSent { .. } => "not sent".to_owned(),
        TransferOutcome::Unknown { .. } => "unknown".to_owned(),
    }
}

#[tokio::test]
async fn a_send_concludes_only_what_the_answer_proves() {
    const INVALID: &str = "invalid_request_error";
    let cases = [
        (200, object().to_string(), "paid"),
        (
            200,
            with("destination", json!({"id": "acct_9", "object": "account"})).to_string(),
            "paid",
        ),
        (200, with("reversed", true.into()).to_string(), "reversed"),
        // A part came back: our books could only show the whole.
        (200, with("amount_reversed", 5.into()).to_string(), "paid"),
        // Another transfer than the one that was asked for.
        (200, with("amount", 1251.into()).to_string(), "unknown"),
        (200, with("currency", "eur".into()).to_string(), "unknown"),
        (200, with("destination", "acct_8".into()).to_string(), "unknown"),
        (200, with("destination", Value::Null).to_string(), "unknown"),
        (200, with("transfer_group", "stl_1_2".into()).to_string(), "unknown"),
        (200, with("transfer_group", Value::Null).to_string(), "unknown"),
        (200, with("amount", "1250".into()).to_string(), "unknown"),
        (200, with("reversed", Value::Null).to_string(), "unknown"),
        (200, "{\"id\":".to_owned(), "unknown"),
        // Refusals of this send.
        (
            400,
            error(INVALID, Some("balance_insufficient")).to_string(),
            "refused: balance_insufficient",
        ),
        (400, error(INVALID, None).to_string(), "refused: invalid_request_error"),
        (401, error(INVALID, None).to_string(), "refused: invalid_request_error"),
        (402, error("card_error", Some("card_declined")).to_string(), "refused: card_declined"),
        (
            403,
            error(INVALID, Some("more_permissions_required")).to_string(),
            "refused: more_permissions_required",
        ),
        (404, error(INVALID, Some("resource_missing")).to_string(), "refused: resource_missing"),
        (429, error(INVALID, Some("rate_limit")).to_string(), "refused: rate_limit"),
        // The first request with the key ran, or another is under way.
        (400, error("idempotency_error", None).to_string(), "unknown"),
        (400, error("idempotency_error", Some("balance_insufficient")).to_string(), "unknown"),
        (409, error(INVALID, Some("idempotency_key_in_use")).to_string(), "unknown"),
        (409, error("idempotency_error", None).to_string(), "unknown"),
        (429, error(INVALID, Some("lock_timeout")).to_string(), "unknown"),
        // A fault at Stripe, or something new.
        (424, error("api_error", None).to_string(), "unknown"),
        (400, error("an_error_of_later", Some("x")).to_string(), "unknown"),
        (500, error("api_error", None).to_string(), "unknown"),
        (500, error(INVALID, Some("balance_insufficient")).to_string(), "unknown"),
        (503, String::new(), "unknown"),
        // Whoever answered, it was not Stripe.
        (400, "bad request".to_owned(), "unknown"),
        (402, r#"{"error": "payment required"}"#.to_owned(), "unknown"),
        (404, "<html>no such page</html>".to_owned(), "unknown"),
        (302, String::new(), "unknown"),
        (204, String::new(), "unknown"),
    ];
    for (status, body, expected) in cases {
        let (provider, _) = answering(status, &[], &body).await;
        let outcome = provider.transfer(asked()).await;
        assert_eq!(kind_of(&outcome), expected, "{status} {body}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_replayed_error_is_named_as_one_and_stays_unknown() {
    let headers = &[("idempotent-replayed", "true"), ("request-id", "req_7")];
    let (provider, _) = answering(500, headers, error("api_error", None)).await;
    match provider.transfer(asked()).await {
        TransferOutcome::Unknown { reason } => {
            assert!(reason.contains("replayed") && reason.contains("req_7"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_never_left_is_told_from_what_got_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = provider_at(&listener);
    drop(listener);
    assert_eq!(kind_of(&provider.transfer(asked()).await), "not sent");
    let error = provider.transfer_by_reference("stl_1_1").await.unwrap_err();
    assert!(matches!(error, ProviderError::NotSent { .. }), "{error:?}");

    for prefix in ["", "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"id\":"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = provider_at(&listener);
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0_u8; 4096];
            let _ = stream.read(&mut buffer).await.unwrap();
            stream.write_all(prefix.as_bytes()).await.unwrap();
        });
        assert_eq!(kind_of(&provider.transfer(asked()).await), "unknown", "after {prefix:?}");
    }

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = provider_at(&listener).with_answer_timeout(Duration::from_millis(50));
    let silent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    });
    assert_eq!(kind_of(&provider.transfer(asked()).await), "unknown");
    silent.await.unwrap();
}

#[tokio::test]
async fn without_a_tls_session_nothing_leaves() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://{}", listener.local_addr().unwrap());
    let provider = StripeProvider::new(&base_url, KEY, "whsec_1").unwrap();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0_u8; 16 * 1024];
        let length = stream.read(&mut buffer).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        buffer.truncate(length);
        buffer
    });
    assert_eq!(kind_of(&provider.transfer(asked()).await), "not sent");
    let heard = heard.await.unwrap();
    assert_eq!(heard[0], 0x16, "a TLS handshake");
    let text = String::from_utf8_lossy(&heard).into_owned();
    assert!(!text.contains("stl_1_1") && !text.contains(KEY), "in the clear: {text}");
}

#[tokio::test]
async fn an_empty_or_strange_id_reaches_no_other_endpoint() {
    let list = json!({"object": "list", "data": [], "has_more": false});
    let (provider, seen) = answering(200, &[], &list).await;
    assert_eq!(provider.payment("").await, Ok(None));
    assert_eq!(provider.transfer_by_reference("").await, Ok(None));
    assert!(seen.lock().unwrap().is_empty());
    assert_eq!(provider.transfer_by_reference("a&limit=0").await, Ok(None));
    assert!(provider.payment("../transfers?x").await.is_err());
    let expand = "expand%5B%5D=latest_charge.balance_transaction";
    assert_eq!(
        *seen.lock().unwrap(),
        [
            "/v1/transfers?limit=100&transfer_group=a%26limit%3D0".to_owned(),
            format!("/v1/payment_intents/..%2Ftransfers%3Fx?{expand}"),
        ]
    );
}

#[tokio::test]
async fn a_missing_payment_is_missing_only_when_stripe_says_so() {
    let missing = error("invalid_request_error", Some("resource_missing"));
    let (provider, _) = answering(404, &[], missing).await;
    assert_eq!(provider.payment("pi_1").await, Ok(None));
    for (status, body) in [
        (404, "<html>".to_owned()),
        (404, error("invalid_request_error", None).to_string()),
        (500, error("api_error", Some("resource_missing")).to_string()),
    ] {
        let (provider, _) = answering(status, &[], &body).await;
        assert!(provider.payment("pi_1").await.is_err(), "{status} {body}");
    }
}

#[tokio::test]
async fn amounts_that_stripe_would_read_otherwise_are_refused_unsent() {
    let (provider, seen) = answering(200, &[], object()).await;
    let cases = [
        ("ISK", 500, false),
        ("UGX", 500, false),
        ("MGA", 500, false),
        ("IQD", 500, false),
        ("LYD", 500, false),
        ("KWD", 5_124, false),
        ("KWD", 5_120, true),
        ("JPY", 500, true),
        ("HUF", 501, true),
        ("EUR", 1, true),
    ];
    for (currency, minor, goes_out) in cases {
        let amount = ProviderAmount::new(minor, currency);
        let sent = provider.transfer(NewTransfer { amount: amount.clone(), ..asked() }).await;
        assert_eq!(kind_of(&sent) == "refused: amount_not_supported", !goes_out, "{currency}");
        assert_eq!(!seen.lock().unwrap().is_empty(), goes_out, "{currency} {minor}");
        seen.lock().unwrap().clear();
        let checkout = NewCheckout {
            reference: "top_1".to_owned(),
            amount: amount.clone(),
            description: String::new(),
            return_url: Some("https://shop.example".to_owned()),
        };
        let refund = NewRefund {
            reference: "rfd_1".to_owned(),
            payment_id: "pi_1".to_owned(),
            amount: amount.clone(),
        };
        for error in [
            provider.create_checkout(checkout).await.unwrap_err(),
            provider.refund(refund).await.unwrap_err(),
        ] {
            assert_eq!(matches!(error, ProviderError::Refused { .. }), !goes_out, "{error:?}");
        }
        seen.lock().unwrap().clear();
    }
}

#[test]
fn keys_say_which_money_they_move() {
    let new = |key: &str| StripeProvider::new(BASE_URL, key, "whsec_1, whsec_2");
    for (key, is_live) in
        [("sk_live_1", true), ("rk_live_1", true), ("sk_test_1", false), ("rk_test_1", false)]
    {
        assert_eq!((is_live_key(key), is_test_key(key)), (is_live, !is_live));
        assert_eq!(new(key).unwrap().is_test(), !is_live, "{key}");
    }
    for key in ["", "pk_live_1", "sk_sandbox_1", "live", "sk_test_line\nbreak"] {
        assert!(new(key).is_err(), "{key:?}");
    }
    for base_url in ["", "stripe", "mailto:a@b.example", "ftp://stripe.example"] {
        assert!(StripeProvider::new(base_url, KEY, "whsec_1").is_err(), "{base_url:?}");
    }
    for secret in ["", " , "] {
        assert!(StripeProvider::new(BASE_URL, KEY, secret).is_err(), "{secret:?}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let provider = StripeProvider::new(BASE_URL, "sk_live_secret", "whsec_1,whsec_2").unwrap();
    let shown = format!("{provider:?}");
    assert!(!shown.contains("secret_") && !shown.contains("sk_live"), "{shown}");
    assert!(!shown.contains("whsec_1") && shown.contains("2 × ***"), "{shown}");
}
