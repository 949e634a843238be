//! Paying on the page and as a program, refunds, chargebacks, costs.

use serde_json::{Value, json};

use crate::support::{Api, RunningBank};

#[tokio::test]
async fn a_customer_pays_on_the_page() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    let body = json!({
        "reference": "top_1", "amount_minor": 125_005, "currency": "USD",
        "description": "Wallet <script>alert(1)</script>",
        "return_url": "https://handsel.example/wallet?a=1&b=2",
    });
    let opened = api.post_keyed("/v1/checkouts", "top_1", &body).await.expect(201);
    let id = opened["id"].as_str().unwrap();
    assert_eq!(opened["url"], format!("{}/pay/{id}", bank.base));
    assert_eq!((&opened["status"], &opened["payment_id"]), (&json!("open"), &Value::Null));

    let page = browse(&api, "GET", &format!("/pay/{id}")).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Pay 1250.05 USD"), "{}", page.text);
    assert!(page.text.contains(&format!("action=\"/pay/{id}\"")), "{}", page.text);
    assert!(!page.text.contains("<script>"), "the description is shown, not run");
    assert!(page.policy.contains("default-src 'none'"), "{}", page.policy);

    let paid = browse(&api, "POST", &format!("/pay/{id}")).await;
    assert_eq!((paid.status, paid.location.as_str()), (303, format!("/pay/{id}").as_str()));
    let page = browse(&api, "GET", &format!("/pay/{id}")).await;
    assert!(page.text.contains("Paid. Thank you."), "{}", page.text);
    assert!(page.text.contains("https://handsel.example/wallet?a=1&#38;b=2"), "{}", page.text);
    assert!(!page.text.contains("<form"), "there is nothing more to pay: {}", page.text);

    // Pressing twice, or paying as a program too, is one payment.
    assert_eq!(browse(&api, "POST", &format!("/pay/{id}")).await.status, 303);
    let payment = api.post(&format!("/v1/test/checkouts/{id}/pay")).await.expect(200);
    let shown = api.get(&format!("/v1/checkouts/{id}")).await.expect(200);
    assert_eq!((&shown["status"], &shown["payment_id"]), (&json!("paid"), &payment["id"]));
    assert_eq!(api.kinds("top_1").await, ["checkout.opened", "payment.paid"]);
}

#[tokio::test]
async fn a_missing_page_says_so() {
    let bank = RunningBank::start().await;
    for method in ["GET", "POST"] {
        let page = browse(&bank.api(), method, "/pay/cko_%3Cb%3E").await;
        assert_eq!(page.status, 404);
        assert!(page.text.contains("no such checkout") && !page.text.contains("<b>"));
    }
    assert_eq!(browse(&bank.api(), "GET", "/pay.css").await.status, 200);
}

#[tokio::test]
async fn refunds_and_chargebacks_never_exceed_the_payment() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    let payment = api.pay("top_1", 1_000).await;
    let other = api.pay("top_2", 50).await;
    let id = payment["id"].as_str().unwrap();
    let refund = |reference: &str, amount_minor: i64| {
        let body = json!({"reference": reference, "payment_id": id, "amount_minor": amount_minor});
        let (api, reference) = (api.clone(), reference.to_owned());
        async move { api.post_keyed("/v1/refunds", &reference, &body).await }
    };

    let made = refund("rfd_1", 300).await.expect(201);
    assert_eq!((&made["payment_id"], &made["currency"]), (&json!(id), &json!("USD")));
    assert!(refund("rfd_1", 300).await.is_replay);
    assert_eq!(refund("rfd_2", 701).await.code(), "refund_exceeds_payment");
    assert_eq!(refund("rfd_3", 200).await.status, 201);
    let wrong = json!({
        "reference": "rfd_4", "payment_id": id, "amount_minor": 1, "currency": "EUR",
    });
    assert_eq!(api.post_keyed("/v1/refunds", "rfd_4", &wrong).await.code(), "parameter_invalid");

    let charged = api.post(&format!("/v1/test/payments/{id}/chargeback")).await.expect(200);
    assert_eq!(charged["status"], "charged_back");
    assert_eq!(
        (&charged["refunded_minor"], &charged["charged_back_minor"]),
        (&json!(500), &json!(500))
    );
    let again = api.post(&format!("/v1/test/payments/{id}/chargeback")).await.expect(200);
    assert_eq!(again, charged);
    assert_eq!(refund("rfd_5", 1).await.code(), "transition_not_allowed");
    assert_eq!(api.get("/v1/payments/pay_none").await.code(), "not_found");

    // What changed last is listed last.
    let page = api.get("/v1/payments").await.expect(200);
    let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|p| p["id"].clone()).collect();
    assert_eq!(ids, [other["id"].clone(), json!(id)]);
    let account = api.get("/v1/account").await.expect(200);
    assert_eq!(account["items"][0]["balance_minor"], 50);
}

#[tokio::test]
async fn the_bank_keeps_its_costs() {
    let bank = RunningBank::start_with(|config| {
        config.cost_fixed_minor = 30;
        config.cost_basis_points = 290;
    })
    .await;
    let api = bank.api();
    let payment = api.pay("top_1", 10_000).await;
    assert_eq!(payment["cost_minor"], 320);
    assert_eq!(api.get("/v1/account").await.expect(200)["items"][0]["balance_minor"], 9_680);
}

#[tokio::test]
async fn a_bad_checkout_is_named_and_opens_nothing() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    let with = |field: &str, value: Value| {
        let mut body = json!({"reference": "r", "amount_minor": 5, "currency": "USD"});
        body[field] = value;
        body
    };
    for (body, named) in [
        (with("reference", json!("")), "reference"),
        (with("reference", json!("x".repeat(256))), "reference"),
        (with("reference", json!("a\nb")), "reference"),
        (with("amount_minor", json!(0)), "amount_minor"),
        (with("amount_minor", json!(-5)), "amount_minor"),
        (with("amount_minor", json!(1_000_000_000_001_i64)), "amount_minor"),
        (with("amount_minor", json!(5.5)), "body"),
        (with("currency", json!("usd")), "currency"),
        (with("currency", json!("DOLLAR")), "currency"),
        (with("return_url", json!("javascript:alert(1)")), "return_url"),
        (with("return_url", json!("/wallet")), "return_url"),
        (with("colour", json!("red")), "body"),
        (json!([]), "body"),
    ] {
        let reply = api.post_keyed("/v1/checkouts", "k", &body).await;
        assert_eq!((reply.status, reply.code()), (400, "parameter_invalid"), "{body}");
        let message = reply.body["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("{named}: ")), "{body}: {message}");
    }
    assert!(api.log().await.is_empty());
}

#[tokio::test]
async fn nothing_but_the_page_is_open_without_the_key() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    for (method, path) in [
        ("POST", "/v1/checkouts"),
        ("GET", "/v1/checkouts/x"),
        ("GET", "/v1/payments"),
        ("GET", "/v1/payments/x"),
        ("POST", "/v1/refunds"),
        ("GET", "/v1/transfers"),
        ("POST", "/v1/transfers"),
        ("GET", "/v1/transfers/x"),
        ("GET", "/v1/log"),
        ("GET", "/v1/balances"),
        ("GET", "/v1/account"),
        ("POST", "/v1/test/checkouts/x/pay"),
        ("POST", "/v1/test/payments/x/chargeback"),
        ("POST", "/v1/test/transfers/x/settle"),
        ("GET", "/v1/test/faults"),
        ("POST", "/v1/test/faults"),
        ("DELETE", "/v1/test/faults"),
        ("GET", "/v1/anything"),
    ] {
        let without = api.request(method, path).send().await.unwrap();
        assert_eq!(without.status(), 401, "{method} {path}");
        let wrong = api.request(method, path).bearer_auth("sk_other").send().await.unwrap();
        assert_eq!(wrong.status(), 401, "{method} {path}");
        let reply = Api::send(api.request(method, path)).await.unwrap();
        assert_ne!(reply.status, 401, "{method} {path}");
    }
    assert_eq!(api.get("/v1/anything").await.code(), "not_found");
    assert_eq!(api.post("/v1/log").await.code(), "method_not_allowed");
    assert_eq!(api.request("GET", "/livez").send().await.unwrap().status(), 200);
}

struct Browsed {
    status: u16,
    location: String,
    policy: String,
    text: String,
}

/// What a browser gets: no api key, no script.
async fn browse(api: &Api, method: &str, path: &str) -> Browsed {
    let answer = api.request(method, path).send().await.unwrap();
    let header =
        |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    Browsed {
        status: answer.status().as_u16(),
        location: header("location").unwrap_or_default(),
        policy: header("content-security-policy").unwrap_or_default(),
        text: answer.text().await.unwrap(),
    }
}
