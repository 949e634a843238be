//! Settlement: what each answer of the provider proves, and what it does not.

use http::StatusCode;
use jiff::SignedDuration;
use platform::provider::TransferStatus;
use serde_json::{Value, json};

use super::{
    bank::Next,
    world::{DESTINATION, Shop, World, eur, text},
};
use crate::{Config, SettlementConfig, actions::settle_all::settle_all};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn reference(settlement: &Value) -> String {
    text(settlement, "provider_ref")
}

async fn state(world: &World, shop: &Shop, id: &str) -> String {
    text(&world.settlement(shop, id).await, "state")
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_never_paid_twice() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        world.bank.script([Next::PayAndLoseAnswer]);
        world.send_due().await;
        assert_eq!(state(&world, &shop, &id).await, "sending");
        world.assert_sound().await;
        world.send_due().await;
        assert_eq!(world.bank.sends().len(), 1, "not before its time");
        world.pass(MINUTE);
        world.send_due().await;
        assert_eq!(state(&world, &shop, &id).await, "paid");
        assert_eq!((world.bank.sends().len(), world.bank.paid_minor()), (1, 700));
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn a_lost_request_is_sent_again_with_the_same_reference_and_body() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        world.bank.script([Next::LoseRequest, Next::LoseRequest]);
        for _ in 0..3 {
            world.send_due().await;
            world.pass(MINUTE);
        }
        assert_eq!(state(&world, &shop, &id).await, "paid");
        let sends = world.bank.sends();
        assert_eq!(sends.len(), 3);
        assert!(sends.iter().all(|send| *send == sends[0]));
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn the_refusal_of_the_only_send_fails_and_the_next_attempt_keeps_the_lines() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        world.bank.script([Next::Refuse("insufficient_funds")]);
        world.send_due().await;
        assert_eq!(state(&world, &shop, &id).await, "failed");
        let me = world.get("/merchants/me", &shop.token).await.expect(StatusCode::OK);
        assert_eq!(me["due"], json!([]), "the lines stay with the settlement");
        world.assert_sound().await;
        // What is redeemed meanwhile waits for the settlement after.
        let (_, code) = world.card_code(&shop, 300).await;
        world.redeem(&shop, &code, 300).await.expect(StatusCode::CREATED);
        let again = world.request_settlement(&shop).await.expect(StatusCode::ACCEPTED);
        assert_eq!((text(&again, "id"), &again["total"]), (id.clone(), &eur(700)));
        assert_eq!(reference(&again), format!("{id}_2"));
        world.send_due().await;
        assert_eq!(state(&world, &shop, &id).await, "paid");
        let next = world.request_settlement(&shop).await.expect(StatusCode::ACCEPTED);
        assert_eq!(next["total"], eur(300));
        world.send_due().await;
        assert_eq!(world.bank.paid_minor(), 1_000);
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn the_refusal_of_a_resend_concludes_nothing() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        // The request is lost, then refused: it may still have moved the money.
        world.bank.script([Next::LoseRequest, Next::Refuse("rate_limited"), Next::Refuse("no")]);
        for _ in 0..3 {
            world.send_due().await;
            assert_eq!(state(&world, &shop, &id).await, "sending");
            world.pass(MINUTE);
        }
        world.send_due().await;
        assert_eq!(state(&world, &shop, &id).await, "paid");
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn a_send_that_never_left_does_not_make_a_refusal_unclear() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        world.bank.script([Next::Unreachable, Next::Unreachable, Next::Refuse("closed_account")]);
        for _ in 0..3 {
            assert!(["intent", "sending"].contains(&state(&world, &shop, &id).await.as_str()));
            world.send_due().await;
            world.pass(MINUTE);
        }
        assert_eq!(state(&world, &shop, &id).await, "failed");
    }
}

#[tokio::test]
async fn a_failed_look_up_never_counts_as_not_found() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        world.bank.script([Next::PayAndLoseAnswer]);
        world.send_due().await;
        world.bank.fail_lookups(true);
        for _ in 0..3 {
            world.pass(MINUTE);
            world.send_due().await;
        }
        assert_eq!(world.bank.sends().len(), 1);
        world.bank.fail_lookups(false);
        world.pass(MINUTE);
        world.send_due().await;
        assert_eq!(state(&world, &shop, &id).await, "paid");
    }
}

#[tokio::test]
async fn past_the_keys_lifetime_nothing_is_sent_and_the_operator_is_told() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        world.bank.script([Next::LoseRequest]);
        world.send_due().await;
        world.pass(SignedDuration::from_hours(24));
        world.send_due().await;
        assert_eq!(world.bank.sends().len(), 1);
        assert_eq!(state(&world, &shop, &id).await, "sending");
        assert_eq!(world.alerts().await, ["attempt_stuck"]);
        world.assert_sound().await;
        // It shows up after all: then it is taken for what it is.
        world.bank.insert(&format!("{id}_1"), 700, DESTINATION);
        world.pass(MINUTE);
        world.send_due().await;
        assert_eq!(state(&world, &shop, &id).await, "paid");
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn what_is_pending_is_resolved_by_webhook_or_sweep() {
    for world in World::each().await {
        for (news, expected) in [(TransferStatus::Paid, "paid"), (TransferStatus::Failed, "failed")]
        {
            for by_webhook in [true, false] {
                let shop = world.shop().await;
                let id = world.requested(&shop, 700).await;
                world.bank.script([Next::Pend]);
                world.send_due().await;
                assert_eq!(state(&world, &shop, &id).await, "pending_provider");
                let reference = format!("{id}_1");
                world.bank.becomes(&reference, news);
                if by_webhook {
                    for _ in 0..2 {
                        let pushed =
                            world.webhook(&format!("evt_{id}"), expected, &reference).await;
                        assert_eq!(pushed, StatusCode::NO_CONTENT);
                    }
                    world.handle_events().await;
                } else {
                    world.pass(MINUTE);
                    world.send_due().await;
                }
                assert_eq!(state(&world, &shop, &id).await, expected);
                assert_eq!(world.bank.sends().len(), world.bank.transfers().len());
                world.assert_sound().await;
            }
        }
    }
}

#[tokio::test]
async fn webhooks_are_verified_and_taken_once() {
    for world in World::each().await {
        let unsigned = http::Request::post("/api/giftcard/v1/webhooks/provider")
            .body(axum::body::Body::from("{}"))
            .unwrap();
        assert_eq!(world.send(unsigned).await.status(), StatusCode::BAD_REQUEST);
        for kind in ["paid", "payment_paid"] {
            for _ in 0..2 {
                let status = world.webhook(&format!("evt_{kind}"), kind, "stl_unknown_1").await;
                assert_eq!(status, StatusCode::NO_CONTENT);
            }
        }
        use sea_orm::EntityTrait as _;
        let rows = crate::store::inbox::entity::Entity::find();
        assert_eq!(rows.clone().all(world.db.read()).await.unwrap().len(), 2);
        world.handle_events().await;
        let rows = rows.all(world.db.read()).await.unwrap();
        assert!(rows.iter().all(|row| row.handled_at.is_some()));
    }
}

#[tokio::test]
async fn a_transfer_that_comes_back_is_owed_again() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        world.send_due().await;
        world.sweep().await;
        world.bank.becomes(&format!("{id}_1"), TransferStatus::Reversed);
        for _ in 0..2 {
            world.sweep().await;
        }
        assert_eq!(state(&world, &shop, &id).await, "reversed");
        world.assert_sound().await;
        let next = world.request_settlement(&shop).await.expect(StatusCode::ACCEPTED);
        assert_eq!(next["total"], eur(700));
        world.send_due().await;
        let next = world.settlement(&shop, &text(&next, "id")).await;
        assert_eq!(next["state"], "paid");
        assert_eq!(next["lines"]["items"][0]["kind"], "adjustment");
        assert_eq!(world.bank.paid_minor(), 700);
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn reversals_join_the_next_settlement_and_less_than_nothing_is_carried() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (_, code) = world.card_code(&shop, 1_000).await;
        let redeemed = world.redeem(&shop, &code, 600).await.expect(StatusCode::CREATED);
        world.request_settlement(&shop).await.expect(StatusCode::ACCEPTED);
        world.send_due().await;
        let path = format!("/redemptions/{}/reversals", text(&redeemed, "id"));
        world
            .post(&path, &shop.token, "v", json!({ "amount": eur(500) }))
            .await
            .expect(StatusCode::CREATED);
        let refused = world.request_settlement(&shop).await;
        let body = refused.refused(StatusCode::CONFLICT, "nothing_to_settle");
        assert_eq!(body["carried"], eur(-500));
        world.redeem(&shop, &code, 800).await.expect(StatusCode::CREATED);
        let next = world.request_settlement(&shop).await.expect(StatusCode::ACCEPTED);
        assert_eq!((&next["total"], &next["lines_count"]), (&eur(300), &json!(2)));
        world.send_due().await;
        assert_eq!(world.bank.paid_minor(), 900);
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn one_settlement_at_a_time() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (_, code) = world.card_code(&shop, 900).await;
        world.redeem(&shop, &code, 400).await.expect(StatusCode::CREATED);
        let replies =
            futures::future::join_all((0..5).map(|_| world.request_settlement(&shop))).await;
        let mut ids: Vec<_> = replies
            .into_iter()
            .map(|reply| text(&reply.expect(StatusCode::ACCEPTED), "id"))
            .collect();
        ids.dedup();
        assert_eq!(ids.len(), 1);
        // A replay of the request shows the state of the moment.
        let body = json!({ "currency": "EUR" });
        world
            .post("/settlements", &shop.token, "k", body.clone())
            .await
            .expect(StatusCode::ACCEPTED);
        world.send_due().await;
        let replay = world.post("/settlements", &shop.token, "k", body).await;
        assert_eq!(replay.expect(StatusCode::ACCEPTED)["state"], "paid");
        let stranger = world.shop().await;
        world
            .get(&format!("/settlements/{}", ids[0]), &stranger.token)
            .await
            .refused(StatusCode::NOT_FOUND, "not_found");
        world
            .get("/admin/settlements", &shop.token)
            .await
            .refused(StatusCode::UNAUTHORIZED, "unauthorized");
        let all = world.get("/admin/settlements", super::world::ADMIN).await.expect(StatusCode::OK);
        assert_eq!(all["items"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn unexplained_money_goes_to_suspense_and_stops_the_payee() {
    for world in World::each().await {
        let shop = world.shop().await;
        let stray = world.bank.insert("stl_nobody_1", 123, DESTINATION);
        for _ in 0..2 {
            world.sweep().await;
        }
        assert_eq!(world.alerts().await, ["unmatched_transfer"]);
        let me = world.get("/merchants/me", &shop.token).await.expect(StatusCode::OK);
        assert_eq!(me["blocked"], true);
        let (_, code) = world.card_code(&shop, 500).await;
        world.redeem(&shop, &code, 500).await.expect(StatusCode::CREATED);
        world.request_settlement(&shop).await.refused(StatusCode::CONFLICT, "merchant_blocked");
        world.assert_sound().await;
        assert_eq!(suspense(&world).await, -123);
        world.bank.becomes(&stray.provider_ref, TransferStatus::Reversed);
        for _ in 0..2 {
            world.sweep().await;
        }
        assert_eq!(suspense(&world).await, 0);
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn a_transfer_of_another_amount_or_payee_is_not_adopted() {
    for world in World::each().await {
        for wrong in ["amount", "destination"] {
            let shop = world.shop().await;
            let id = world.requested(&shop, 700).await;
            world.bank.script([Next::PayAndLoseAnswer]);
            world.send_due().await;
            world.bank.corrupt(&format!("{id}_1"), |transfer| match wrong {
                "amount" => transfer.amount.minor = 999,
                _ => transfer.destination = "acct_other".to_owned(),
            });
            world.pass(MINUTE);
            world.send_due().await;
            assert_eq!(state(&world, &shop, &id).await, "sending", "{wrong}");
            let me = world.get("/merchants/me", &shop.token).await.expect(StatusCode::OK);
            assert_eq!(me["blocked"], true, "{wrong}");
            world.assert_sound().await;
        }
    }
}

#[tokio::test]
async fn money_after_a_definite_failure_is_unexplained() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        world.bank.script([Next::Refuse("insufficient_funds")]);
        world.send_due().await;
        world.bank.insert(&format!("{id}_1"), 700, DESTINATION);
        world.sweep().await;
        assert_eq!(state(&world, &shop, &id).await, "failed");
        world.request_settlement(&shop).await.refused(StatusCode::CONFLICT, "merchant_blocked");
        assert_eq!(suspense(&world).await, -700);
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn what_the_provider_does_not_know_is_alerted() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        world.send_due().await;
        world.bank.forget(&format!("{id}_1"));
        world.sweep().await;
        assert!(world.alerts().await.is_empty(), "the list may lag");
        world.pass(SignedDuration::from_mins(11));
        world.sweep().await;
        assert_eq!(world.alerts().await, ["missing_transfer"]);
    }
}

#[tokio::test]
async fn a_transfer_written_before_the_block_waits() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        world.bank.insert("stl_nobody_1", 1, DESTINATION);
        world.sweep().await;
        world.send_due().await;
        assert_eq!(state(&world, &shop, &id).await, "intent");
        assert!(world.bank.sends().is_empty());
    }
}

#[tokio::test]
async fn everything_is_settled_automatically_and_failures_are_attempted_again() {
    let config = Config {
        settlement: SettlementConfig { every_seconds: 3_600, ..SettlementConfig::default() },
        ..Config::default()
    };
    for world in World::each_with(config).await {
        let (one, two) = (world.shop().await, world.shop().await);
        for shop in [&one, &two] {
            let (_, code) = world.card_code(shop, 500).await;
            world.redeem(shop, &code, 500).await.expect(StatusCode::CREATED);
        }
        settle_all(world.service()).await.unwrap();
        world.bank.script([Next::Refuse("insufficient_funds")]);
        world.send_due().await;
        assert_eq!(world.bank.paid_minor(), 500);
        settle_all(world.service()).await.unwrap();
        world.send_due().await;
        assert_eq!(world.bank.paid_minor(), 1_000);
        settle_all(world.service()).await.unwrap();
        world.send_due().await;
        assert_eq!(world.bank.sends().len(), 3);
        world.assert_sound().await;
    }
}

async fn suspense(world: &World) -> i64 {
    let sums = ledger::audit::sums_by_kind(world.db.read()).await.unwrap();
    sums.iter().filter(|sum| sum.kind == "suspense").map(|sum| sum.total.minor).sum()
}

#[tokio::test]
async fn news_that_comes_late_does_not_alarm() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        world.bank.script([Next::Pend]);
        world.send_due().await;
        let stale = world.bank.transfers()[0].clone();
        world.bank.becomes(&stale.provider_ref, TransferStatus::Failed);
        world.sweep().await;
        assert_eq!(text(&world.settlement(&shop, &id).await, "state"), "failed");
        // A page of the provider's list that was read before, and is recorded only now.
        crate::actions::observe_transfer::record(world.service(), &stale).await.unwrap();
        assert_eq!(world.alerts().await, [""; 0], "{}", world.db);
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn in_quarantine_no_money_leaves_and_no_card_is_made() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        let (saga, ids) = world.reserve(&shop, &[500]).await;
        world.confirm(saga, &ids).await;
        platform::quarantine::begin(world.db.write(), "restored", 0).await.unwrap();
        world.send_due().await;
        assert!(world.bank.sends().is_empty(), "{}", world.db);
        let request = contracts::giftcard::IssueCardRequest {
            escrow_id: ids[0].to_string(),
            winner_id: crate::domain::ids::WinnerId::new().to_string(),
        };
        let refused = world.rpc().issue_card(request.clone()).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unavailable, "{refused}");
        platform::quarantine::lift(world.db.write(), 1).await.unwrap();
        world.rpc().issue_card(request).await.unwrap();
        world.pass(jiff::SignedDuration::from_mins(2));
        world.send_due().await;
        assert_eq!(text(&world.settlement(&shop, &id).await, "state"), "paid");
        world.assert_sound().await;
    }
}
