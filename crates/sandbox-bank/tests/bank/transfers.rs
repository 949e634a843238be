//! Idempotency, key lifetime, listing, look-up, balances.

use std::time::Duration;

use sandbox_bank::{Fault, FaultOrder};
use serde_json::{Value, json};

use crate::support::{Api, ManualClock, RunningBank, transfer_body};

#[tokio::test]
async fn a_key_has_one_effect_and_one_answer() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    let first = api.transfer("stl_1", 700).await;
    assert_eq!((first.status, first.is_replay), (201, false));
    assert_eq!(first.body["status"], "paid");

    // Spaces and the order of fields do not make another request.
    let raw =
        r#"{ "destination":"acct_1","currency":"USD", "amount_minor":700,"reference":"stl_1" }"#;
    let request = api.request("POST", "/v1/transfers").header("idempotency-key", "stl_1").body(raw);
    let again = Api::send(request).await.unwrap();
    assert_eq!((again.status, again.is_replay), (201, true));
    assert_eq!(again.body, first.body);

    for (path, body) in [
        ("/v1/transfers", transfer_body("stl_1", 701)),
        ("/v1/transfers", transfer_body("stl_2", 700)),
        ("/v1/checkouts", json!({"reference": "stl_1", "amount_minor": 700, "currency": "USD"})),
    ] {
        let reply = api.post_keyed(path, "stl_1", &body).await;
        assert_eq!((reply.status, reply.code()), (409, "idempotency_key_reuse"), "{path} {body}");
    }
    for key in ["", &"k".repeat(256)] {
        let reply = api.post_keyed("/v1/transfers", key, &transfer_body("stl_3", 1)).await;
        assert_eq!((reply.status, reply.code()), (400, "idempotency_key_missing"));
    }
    assert_eq!(api.kinds("stl_1").await, ["transfer.paid"]);
    assert_eq!(api.log().await.len(), 1);
}

#[tokio::test]
async fn concurrent_twins_have_one_effect() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    let twins = (0..16).map(|_| {
        let api = api.clone();
        tokio::spawn(async move { api.transfer("stl_1", 700).await })
    });
    let mut replays = 0;
    let mut ids = Vec::new();
    for twin in twins.collect::<Vec<_>>() {
        let reply = twin.await.unwrap();
        replays += usize::from(reply.is_replay);
        ids.push(reply.expect(201)["id"].clone());
    }
    ids.dedup();
    assert_eq!((replays, ids.len()), (15, 1));
    assert_eq!(api.kinds("stl_1").await, ["transfer.paid"]);
}

#[tokio::test]
async fn past_its_lifetime_a_key_is_a_new_one() {
    let clock = ManualClock::new();
    let bank = RunningBank::start_with(|config| config.clock = clock.clock()).await;
    let api = bank.api();
    api.transfer("stl_1", 700).await.expect(201);
    clock.advance(Duration::from_secs(24 * 3_600 - 1));
    assert!(api.transfer("stl_1", 700).await.is_replay);
    clock.advance(Duration::from_secs(1));
    assert!(!api.transfer("stl_1", 700).await.is_replay, "whoever resends now pays twice");
    assert!(api.transfer("stl_1", 700).await.is_replay);
    assert_eq!(api.look_up("stl_1").await.len(), 2);
    assert_eq!(api.kinds("stl_1").await, ["transfer.paid", "transfer.paid"]);
}

#[tokio::test]
async fn a_reference_does_not_protect_against_paying_twice() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    for key in ["random_1", "random_2"] {
        api.post_keyed("/v1/transfers", key, &transfer_body("stl_1", 700)).await.expect(201);
    }
    assert_eq!(api.look_up("stl_1").await.len(), 2);
    let balances = api.get("/v1/balances?destination=acct_1").await.expect(200);
    assert_eq!(balances["items"][0]["balance_minor"], 1_400);
}

#[tokio::test]
async fn transfers_move_only_as_transfers_do() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    let start = async |reference: &str, is_pending: bool| {
        if is_pending {
            let order = FaultOrder::once(Fault::PendingThenPaid).delayed_by_ms(3_600_000);
            api.order_fault(order).await;
        }
        api.transfer(reference, 5).await.expect(201)["id"].as_str().unwrap().to_owned()
    };
    for (number, (is_pending, changes, expected)) in [
        (true, vec![("settle", 200), ("settle", 200), ("fail", 409), ("reverse", 200)], "reversed"),
        (true, vec![("reverse", 409), ("fail", 200), ("settle", 409), ("reverse", 409)], "failed"),
        (
            false,
            vec![("fail", 409), ("reverse", 200), ("reverse", 200), ("settle", 409)],
            "reversed",
        ),
        (true, vec![("explode", 404)], "pending"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = start(&format!("stl_{number}"), is_pending).await;
        for (change, status) in changes {
            let reply = api.post(&format!("/v1/test/transfers/{id}/{change}")).await;
            assert_eq!(reply.status, status, "{number} {change}: {}", reply.body);
        }
        let shown = api.get(&format!("/v1/transfers/{id}")).await.expect(200);
        assert_eq!(shown["status"], expected);
        let failure =
            if expected == "failed" { json!("destination_rejected") } else { Value::Null };
        assert_eq!(shown["failure_code"], failure);
    }
    assert_eq!(
        api.kinds("stl_0").await,
        ["transfer.pending", "transfer.paid", "transfer.reversed"]
    );
    assert_eq!(api.kinds("stl_1").await, ["transfer.pending", "transfer.failed"]);
    assert_eq!(api.post("/v1/test/transfers/trf_none/settle").await.code(), "not_found");
    assert_eq!(api.get("/v1/transfers/trf_none").await.code(), "not_found");
}

#[tokio::test]
async fn a_listing_read_by_its_cursor_sees_every_change() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    let mut ids = Vec::new();
    for number in 0..5 {
        let sent = api.transfer(&format!("stl_{number}"), 5).await.expect(201);
        ids.push(sent["id"].as_str().unwrap().to_owned());
    }
    let mut seen = Vec::new();
    let mut path = "/v1/transfers?limit=2".to_owned();
    let cursor = loop {
        let page = api.get(&path).await.expect(200);
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let cursor = page["cursor"].as_str().unwrap().to_owned();
        if page["has_more"] == false {
            break cursor;
        }
        path = format!("/v1/transfers?limit=2&after={cursor}");
    };
    assert_eq!(seen, ids);

    // What changes behind the cursor comes again in front of it.
    api.post(&format!("/v1/test/transfers/{}/reverse", ids[1])).await.expect(200);
    let page = api.get(&format!("/v1/transfers?after={cursor}")).await.expect(200);
    assert_eq!(page["items"][0]["id"], json!(ids[1]));
    assert_eq!(page["items"][0]["status"], "reversed");
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let end = page["cursor"].as_str().unwrap();
    let page = api.get(&format!("/v1/transfers?after={end}")).await.expect(200);
    assert_eq!(page, json!({"items": [], "cursor": null, "has_more": false}));

    for path in [
        "/v1/transfers?limit=0",
        "/v1/transfers?limit=501",
        "/v1/payments?after=x",
        "/v1/log?limit=-1",
        "/v1/balances?colour=red",
    ] {
        assert_eq!(api.get(path).await.code(), "parameter_invalid", "{path}");
    }
}

#[tokio::test]
async fn balances_follow_from_the_log() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    api.pay("top_1", 10_000).await;
    let mut key = 0;
    let mut send = async |destination: &str, currency: &str, amount_minor: i64| {
        key += 1;
        let body = json!({
            "reference": format!("stl_{key}"), "amount_minor": amount_minor,
            "currency": currency, "destination": destination,
        });
        let sent = api.post_keyed("/v1/transfers", &format!("stl_{key}"), &body).await.expect(201);
        sent["id"].as_str().unwrap().to_owned()
    };
    send("acct:b", "USD", 300).await;
    send("acct:a", "USD", 10).await;
    send("acct:a", "EUR", 20).await;
    let back = send("acct:a", "USD", 40).await;
    api.post(&format!("/v1/test/transfers/{back}/reverse")).await.expect(200);

    let mut balances = Vec::new();
    let mut path = "/v1/balances?limit=1".to_owned();
    loop {
        let page = api.get(&path).await.expect(200);
        balances.extend(page["items"].as_array().unwrap().iter().cloned());
        if page["has_more"] == false {
            break;
        }
        path = format!("/v1/balances?limit=1&after={}", page["cursor"].as_str().unwrap());
    }
    let expected = json!([
        {"destination": "acct:a", "currency": "EUR", "paid_minor": 20, "reversed_minor": 0, "balance_minor": 20},
        {"destination": "acct:a", "currency": "USD", "paid_minor": 50, "reversed_minor": 40, "balance_minor": 10},
        {"destination": "acct:b", "currency": "USD", "paid_minor": 300, "reversed_minor": 0, "balance_minor": 300},
    ]);
    assert_eq!(json!(balances), expected);
    let account = api.get("/v1/account").await.expect(200);
    assert_eq!(account["items"][1]["currency"], "USD");
    assert_eq!(account["items"][1]["balance_minor"], 10_000 - 310);
}
