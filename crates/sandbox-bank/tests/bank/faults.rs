//! Each fault: what the client sees, and what the log says really happened.

use std::time::Duration;

use sandbox_bank::{Fault, FaultOrder, Target};
use serde_json::json;

use crate::support::{Api, Reply, RunningBank, eventually, transfer_body};

/// What the client got.
#[derive(Debug, PartialEq)]
enum Seen {
    Status(u16),
    Replay(u16),
    Nothing,
}

fn seen(sent: reqwest::Result<Reply>) -> Seen {
    match sent {
        Ok(reply) if reply.is_replay => Seen::Replay(reply.status),
        Ok(reply) => Seen::Status(reply.status),
        Err(error) => {
            assert!(!error.is_connect(), "the request must have been sent: {error:?}");
            Seen::Nothing
        }
    }
}

#[tokio::test]
async fn each_fault_on_a_send_and_on_its_resend() {
    use Seen::{Nothing, Replay, Status};
    let bank = RunningBank::start().await;
    let api = bank.api();
    // Fault; what the send gets; transfers after it; what each of two resends gets; transfers then.
    for (number, (fault, send, sent, resends, resent)) in [
        (Fault::Slow, Status(201), 1, [Replay(201), Replay(201)], 1),
        (Fault::TimeoutAfterSuccess, Nothing, 1, [Replay(201), Replay(201)], 1),
        (Fault::CloseBeforeEffect, Nothing, 0, [Status(201), Replay(201)], 1),
        (Fault::CloseAfterSuccess, Nothing, 1, [Replay(201), Replay(201)], 1),
        (Fault::ErrorBeforeEffect, Status(500), 0, [Status(201), Replay(201)], 1),
        (Fault::ErrorAfterEffect, Status(500), 1, [Replay(201), Replay(201)], 1),
        (Fault::Refuse, Status(402), 0, [Status(201), Replay(201)], 1),
        (Fault::RateLimit, Status(429), 0, [Status(201), Replay(201)], 1),
        (Fault::StoredErrorBeforeEffect, Status(500), 0, [Replay(500), Replay(500)], 0),
        (Fault::StoredErrorAfterEffect, Status(500), 1, [Replay(500), Replay(500)], 1),
        (Fault::RefuseResend, Nothing, 1, [Status(402), Replay(201)], 1),
    ]
    .into_iter()
    .enumerate()
    {
        let reference = format!("stl_{number}");
        api.order_fault(FaultOrder::once(fault).delayed_by_ms(1)).await;
        assert_eq!(seen(api.try_transfer(&reference, 5).await), send, "{fault:?}");
        assert_eq!(api.kinds(&reference).await.len(), sent, "{fault:?}");
        for resend in resends {
            assert_eq!(seen(api.try_transfer(&reference, 5).await), resend, "{fault:?}");
        }
        assert_eq!(api.kinds(&reference).await.len(), resent, "{fault:?}");
    }
    assert_eq!(api.get("/v1/test/faults").await.expect(200), json!({"items": []}));
}

#[tokio::test]
async fn a_slow_effect_comes_after_the_client_gave_up() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    api.order_fault(FaultOrder::once(Fault::Slow).delayed_by_ms(300)).await;
    let request = api
        .request("POST", "/v1/transfers")
        .header("idempotency-key", "stl_1")
        .json(&transfer_body("stl_1", 5))
        .timeout(Duration::from_millis(30));
    assert!(Api::send(request).await.unwrap_err().is_timeout());
    assert!(api.look_up("stl_1").await.is_empty(), "a look-up in between finds nothing");
    let found = eventually(|| async { api.look_up("stl_1").await.pop() }).await;
    assert_eq!(found["status"], "paid");
}

#[tokio::test]
async fn a_hidden_transfer_is_seen_once_a_resend_was_refused() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    api.order_fault(FaultOrder::once(Fault::RefuseResend)).await;
    assert_eq!(seen(api.try_transfer("stl_1", 5).await), Seen::Nothing);
    assert_eq!(api.kinds("stl_1").await, ["transfer.paid"]);
    assert!(api.look_up("stl_1").await.is_empty());
    assert_eq!(api.transfer("stl_1", 5).await.code(), "insufficient_funds");
    assert_eq!(api.look_up("stl_1").await.len(), 1);
    // A client that takes the refusal for a failure and makes a new attempt has paid twice.
    api.transfer("stl_1_2", 5).await.expect(201);
    let balances = api.get("/v1/balances").await.expect(200);
    assert_eq!(balances["items"][0]["balance_minor"], 10);
}

#[tokio::test]
async fn pending_transfers_and_payments_move_on() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    for (number, (fault, first, path)) in [
        (Fault::PendingThenPaid, "pending", vec!["pending", "paid"]),
        (Fault::PendingThenFailed, "pending", vec!["pending", "failed"]),
        (Fault::PendingThenReversed, "pending", vec!["pending", "paid", "reversed"]),
        (Fault::PaidThenReversed, "paid", vec!["paid", "reversed"]),
    ]
    .into_iter()
    .enumerate()
    {
        let reference = format!("stl_{number}");
        api.order_fault(FaultOrder::once(fault).on(Target::Transfers).delayed_by_ms(20)).await;
        assert_eq!(api.transfer(&reference, 5).await.expect(201)["status"], first);
        let expected: Vec<_> = path.iter().map(|status| format!("transfer.{status}")).collect();
        eventually(|| async { (api.kinds(&reference).await == expected).then_some(()) }).await;
        let replay = api.transfer(&reference, 5).await;
        assert_eq!(replay.body["status"], first, "a replay is the answer of then");
    }
    for (number, (fault, first, last)) in [
        (Fault::PendingThenPaid, "pending", "paid"),
        (Fault::PendingThenFailed, "pending", "failed"),
        (Fault::Chargeback, "paid", "charged_back"),
    ]
    .into_iter()
    .enumerate()
    {
        let reference = format!("top_{number}");
        api.order_fault(FaultOrder::once(fault).on(Target::Payments).delayed_by_ms(20)).await;
        let payment = api.pay(&reference, 5).await;
        assert_eq!(payment["status"], first);
        let path = format!("/v1/payments/{}", payment["id"].as_str().unwrap());
        eventually(|| async { (api.get(&path).await.body["status"] == last).then_some(()) }).await;
        let checkout = format!("/v1/checkouts/{}", payment["checkout_id"].as_str().unwrap());
        let status = api.get(&checkout).await.expect(200)["status"].clone();
        assert_eq!(status, if last == "failed" { "failed" } else { "paid" });
    }
}

#[tokio::test]
async fn an_order_of_a_test_ends_what_was_planned() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    api.order_fault(FaultOrder::once(Fault::PendingThenFailed).delayed_by_ms(50)).await;
    let sent = api.transfer("stl_1", 5).await.expect(201);
    let id = sent["id"].as_str().unwrap();
    api.post(&format!("/v1/test/transfers/{id}/settle")).await.expect(200);
    // A second one with the same delay has gone through its plan, so the first one's time is past.
    api.order_fault(FaultOrder::once(Fault::PendingThenPaid).delayed_by_ms(50)).await;
    api.transfer("stl_2", 5).await.expect(201);
    eventually(|| async { (api.kinds("stl_2").await.len() == 2).then_some(()) }).await;
    assert_eq!(api.kinds("stl_1").await, ["transfer.pending", "transfer.paid"]);
}

#[tokio::test]
async fn faults_strike_where_and_as_often_as_ordered() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    let order = FaultOrder::once(Fault::ErrorBeforeEffect).on(Target::Checkouts).times(2);
    api.order_fault(order.clone()).await;
    api.transfer("stl_1", 5).await.expect(201);
    let checkout = json!({"reference": "top_1", "amount_minor": 5, "currency": "USD"});
    api.post_keyed("/v1/checkouts", "top_1", &checkout).await.expect(500);
    let left = api.get("/v1/test/faults").await.expect(200);
    assert_eq!(left["items"], json!([order.times(1)]));
    api.post_keyed("/v1/checkouts", "top_1", &checkout).await.expect(500);
    api.post_keyed("/v1/checkouts", "top_1", &checkout).await.expect(201);

    // Reads are struck only when named; the log never.
    api.order_fault(FaultOrder::once(Fault::CloseAfterSuccess)).await;
    for path in ["/v1/transfers?reference=stl_1", "/v1/transfers", "/v1/payments"] {
        api.get(path).await.expect(200);
        api.order_fault(FaultOrder::once(Fault::ErrorBeforeEffect).on(Target::Reads)).await;
        assert_eq!(api.kinds("stl_1").await, ["transfer.paid"]);
        api.get(path).await.expect(500);
        api.get(path).await.expect(200);
    }
    Api::send(api.request("DELETE", "/v1/test/faults")).await.unwrap().expect(200);
    api.transfer("stl_2", 5).await.expect(201);

    let refund = json!({"reference": "rfd_1", "payment_id": "x", "amount_minor": 1});
    api.order_fault(FaultOrder::once(Fault::Refuse).on(Target::Refunds)).await;
    assert_eq!(api.post_keyed("/v1/refunds", "rfd_1", &refund).await.code(), "insufficient_funds");
    assert_eq!(api.post_keyed("/v1/refunds", "rfd_1", &refund).await.code(), "not_found");
}

#[tokio::test]
async fn faults_of_different_kinds_combine_and_survive_a_restart() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    api.order_fault(FaultOrder::once(Fault::PendingThenPaid).delayed_by_ms(50)).await;
    api.order_fault(FaultOrder::once(Fault::CloseAfterSuccess)).await;
    let bank = bank.restart().await;
    let api = bank.api();
    assert_eq!(seen(api.try_transfer("stl_1", 5).await), Seen::Nothing);
    let bank = bank.restart().await;
    let api = bank.api();
    let found = eventually(|| async {
        api.look_up("stl_1").await.pop().filter(|transfer| transfer["status"] == "paid")
    })
    .await;
    let replay = api.transfer("stl_1", 5).await;
    assert!(replay.is_replay, "the key outlives the restart");
    assert_eq!(replay.body["id"], found["id"]);
}

#[tokio::test]
async fn the_page_meets_faults_too() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    let id = api.open_checkout("top_1", 5).await;
    let pay = || api.request("POST", &format!("/pay/{id}")).send();
    api.order_fault(FaultOrder::once(Fault::ErrorAfterEffect).on(Target::Payments)).await;
    let answer = pay().await.unwrap();
    assert_eq!(answer.status(), 500);
    let page = answer.text().await.unwrap();
    assert!(page.contains(&format!("href=\"/pay/{id}\"")), "{page}");
    api.order_fault(FaultOrder::once(Fault::CloseAfterSuccess).on(Target::Payments)).await;
    assert!(pay().await.is_err());
    assert_eq!(pay().await.unwrap().status(), 303);
    assert_eq!(api.kinds("top_1").await, ["checkout.opened", "payment.paid"]);
}

#[tokio::test]
async fn a_bad_order_is_refused() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    for (order, code) in [
        (json!({"fault": "gremlins"}), "parameter_invalid"),
        (json!({"fault": "slow", "count": 0}), "parameter_invalid"),
        (json!({"fault": "slow", "delay_ms": 3_600_001}), "parameter_invalid"),
        (json!({"fault": "slow", "on": "the moon"}), "parameter_invalid"),
        (json!({"fault": "slow", "when": "now"}), "parameter_invalid"),
        (json!({"fault": "chargeback", "on": "transfers"}), "fault_misplaced"),
        (json!({"fault": "refuse", "on": "reads"}), "fault_misplaced"),
    ] {
        let request = api.request("POST", "/v1/test/faults").json(&order);
        let reply = Api::send(request).await.unwrap();
        assert_eq!((reply.status, reply.code()), (400, code), "{order}");
    }
    assert_eq!(api.get("/v1/test/faults").await.expect(200), json!({"items": []}));
}

#[tokio::test]
async fn an_answer_that_never_comes_does_not_hold_up_the_shutdown() {
    let bank = RunningBank::start().await;
    let api = bank.api();
    api.order_fault(FaultOrder::once(Fault::TimeoutAfterSuccess)).await;
    let waiting = tokio::spawn({
        let api = api.clone();
        async move { api.try_transfer("stl_1", 5).await }
    });
    eventually(|| async { (api.kinds("stl_1").await.len() == 1).then_some(()) }).await;
    bank.stop_token().cancel();
    // Both end at once; the fault alone would take a minute, and the test's patience less.
    assert_eq!(seen(waiting.await.unwrap()), Seen::Nothing);
    bank.served().await;
}
