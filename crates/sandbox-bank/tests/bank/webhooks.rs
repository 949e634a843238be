//! Signature, repetition, order, restart.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use platform::provider::{Provider, SandboxProvider, WebhookError, WebhookEventKind};
use rusqlite::Connection;
use sandbox_bank::{Fault, FaultOrder, Target};

use crate::support::{API_KEY, ManualClock, Receiver, RunningBank, WEBHOOK_SECRET, eventually};

#[tokio::test]
async fn every_event_arrives_signed() {
    let mut receiver = Receiver::start().await;
    let bank =
        RunningBank::start_with(|config| config.webhook_urls = vec![receiver.url.clone()]).await;
    let api = bank.api();
    let provider = SandboxProvider::new(&bank.base, API_KEY, WEBHOOK_SECRET).unwrap();

    let payment = api.pay("top_1", 500).await;
    let payment_id = payment["id"].as_str().unwrap();
    let arrival = receiver.next().await;
    let event =
        provider.verify_webhook(&arrival.headers, &arrival.raw_body, Timestamp::now()).unwrap();
    assert_eq!(event.kind, WebhookEventKind::PaymentPaid);
    assert_eq!((event.object_id.as_str(), event.reference.as_deref()), (payment_id, Some("top_1")));
    assert_eq!(arrival.body["data"], payment);
    assert_eq!(arrival.headers["content-type"], "application/json");
    let stranger = SandboxProvider::new(&bank.base, API_KEY, "another secret").unwrap();
    assert_eq!(
        stranger.verify_webhook(&arrival.headers, &arrival.raw_body, Timestamp::now()),
        Err(WebhookError::SignatureMismatch)
    );
    let late = Timestamp::now() + SignedDuration::from_mins(6);
    assert!(provider.verify_webhook(&arrival.headers, &arrival.raw_body, late).is_err());

    api.post(&format!("/v1/test/payments/{payment_id}/chargeback")).await.expect(200);
    for (reference, first, changes) in [
        ("stl_1", Fault::PendingThenPaid, ["settle", "reverse"].as_slice()),
        ("stl_2", Fault::PendingThenFailed, ["fail"].as_slice()),
    ] {
        api.order_fault(FaultOrder::once(first).on(Target::Transfers).delayed_by_ms(3_600_000))
            .await;
        let sent = api.transfer(reference, 5).await.expect(201);
        for change in changes {
            let path = format!("/v1/test/transfers/{}/{change}", sent["id"].as_str().unwrap());
            api.post(&path).await.expect(200);
        }
    }
    assert_eq!(
        receiver.next_types(4).await,
        ["payment.charged_back", "transfer.paid", "transfer.reversed", "transfer.failed"]
    );
}

#[tokio::test]
async fn an_event_is_repeated_until_accepted() {
    let mut receiver = Receiver::start().await;
    let bank =
        RunningBank::start_with(|config| config.webhook_urls = vec![receiver.url.clone()]).await;
    receiver.answer_next_with([500, 302]);
    bank.api().pay("top_1", 500).await;
    let mut answered = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let arrival = receiver.next().await;
        answered.push(arrival.answered);
        ids.push(arrival.body["id"].clone());
    }
    assert_eq!(answered, [500, 302, 204]);
    ids.dedup();
    assert_eq!(ids.len(), 1, "it is the same event each time");
    // What comes next is another event, not a fourth time this one.
    bank.api().transfer("stl_1", 5).await.expect(201);
    assert_eq!(receiver.next_types(1).await, ["transfer.paid"]);
}

#[tokio::test]
async fn an_event_that_waits_is_delivered_after_a_restart() {
    let mut before = Receiver::start().await;
    let bank =
        RunningBank::start_with(|config| config.webhook_urls = vec![before.url.clone()]).await;
    before.answer_next_with([503; 100]);
    bank.api().pay("top_1", 500).await;
    let refused = before.next().await;
    // The endpoint comes back at another address.
    let mut after = Receiver::start().await;
    let bank = bank.restart_with(|config| config.webhook_urls = vec![after.url.clone()]).await;
    let accepted = after.next().await;
    assert_eq!(accepted.raw_body, refused.raw_body);
    // The bank writes it down after the endpoint has answered.
    eventually(|| async { (undelivered(&bank).await == 0).then_some(()) }).await;
}

#[tokio::test]
async fn each_endpoint_gets_each_event_and_waits_for_no_other() {
    let (mut good, bad) = (Receiver::start().await, Receiver::start().await);
    bad.answer_next_with([500; 1_000]);
    let urls = vec![bad.url.clone(), good.url.clone()];
    let bank = RunningBank::start_with(|config| config.webhook_urls = urls).await;
    for number in 0..5 {
        bank.api().pay(&format!("top_{number}"), 500).await;
    }
    assert_eq!(good.next_types(5).await, ["payment.paid"; 5]);
}

#[tokio::test]
async fn duplicates_are_the_same_event_twice() {
    let mut receiver = Receiver::start().await;
    let bank =
        RunningBank::start_with(|config| config.webhook_urls = vec![receiver.url.clone()]).await;
    let api = bank.api();
    api.order_fault(FaultOrder::once(Fault::DuplicateWebhook)).await;
    api.pay("top_1", 500).await;
    api.transfer("stl_1", 5).await.expect(201);
    let (first, second) = (receiver.next().await, receiver.next().await);
    assert_eq!(first.raw_body, second.raw_body);
    assert_eq!(receiver.next_types(1).await, ["transfer.paid"]);
}

#[tokio::test]
async fn a_reordered_webhook_is_overtaken_by_the_next() {
    let mut receiver = Receiver::start().await;
    let bank =
        RunningBank::start_with(|config| config.webhook_urls = vec![receiver.url.clone()]).await;
    let api = bank.api();
    let order = FaultOrder::once(Fault::ReorderWebhook).on(Target::Payments);
    api.order_fault(order.delayed_by_ms(3_600_000)).await;
    let payment = api.pay("top_1", 500).await;
    let id = payment["id"].as_str().unwrap();
    api.post(&format!("/v1/test/payments/{id}/chargeback")).await.expect(200);
    assert_eq!(receiver.next_types(2).await, ["payment.charged_back", "payment.paid"]);
}

#[tokio::test]
async fn a_reordered_webhook_arrives_even_when_none_follows() {
    let mut receiver = Receiver::start().await;
    let clock = ManualClock::new();
    let bank = RunningBank::start_with(|config| {
        config.webhook_urls = vec![receiver.url.clone()];
        config.clock = clock.clock();
    })
    .await;
    let api = bank.api();
    api.order_fault(FaultOrder::once(Fault::ReorderWebhook).delayed_by_ms(5_000)).await;
    api.pay("top_1", 500).await;
    assert_eq!(undelivered(&bank).await, 1);
    clock.advance(Duration::from_secs(5));
    assert_eq!(receiver.next_types(1).await, ["payment.paid"]);
}

#[tokio::test]
async fn a_hidden_transfer_is_announced_once_it_can_be_seen() {
    let mut receiver = Receiver::start().await;
    let bank =
        RunningBank::start_with(|config| config.webhook_urls = vec![receiver.url.clone()]).await;
    let api = bank.api();
    api.order_fault(FaultOrder::once(Fault::RefuseResend)).await;
    assert!(api.try_transfer("stl_1", 5).await.is_err());
    api.pay("top_1", 500).await;
    assert_eq!(receiver.next_types(1).await, ["payment.paid"]);
    api.transfer("stl_1", 5).await.expect(402);
    assert_eq!(receiver.next_types(1).await, ["transfer.paid"]);
}

#[tokio::test]
async fn an_endpoint_that_is_dead_for_days_is_given_up() {
    let receiver = Receiver::start().await;
    receiver.answer_next_with([500; 100_000]);
    let clock = ManualClock::new();
    let bank = RunningBank::start_with(|config| {
        config.webhook_urls = vec![receiver.url.clone()];
        config.clock = clock.clock();
    })
    .await;
    bank.api().pay("top_1", 500).await;
    assert_eq!(undelivered(&bank).await, 1);
    clock.advance(Duration::from_secs(72 * 3_600));
    let file = bank.file();
    let state = eventually(|| async {
        let query = "SELECT state FROM deliveries";
        let connection = Connection::open(&file).unwrap();
        let state: String = connection.query_row(query, [], |row| row.get(0)).unwrap();
        (state != "waiting").then_some(state)
    })
    .await;
    assert_eq!(state, "given_up");
}

/// How many deliveries wait, once the bank has had the chance to make those that are due.
async fn undelivered(bank: &RunningBank) -> u32 {
    let count = |path: &std::path::Path| -> (u32, u32) {
        let query =
            "SELECT count(*), coalesce(sum(attempts = 0 AND due_at_ms <= e.created_at_ms), 0)
                     FROM deliveries d JOIN events e ON e.id = d.event_id
                     WHERE d.state = 'waiting'";
        let connection = Connection::open(path).unwrap();
        connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let file = bank.file();
    eventually(|| async {
        let (waiting, untried) = count(&file);
        (untried == 0).then_some(waiting)
    })
    .await
}
