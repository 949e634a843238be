//! Authorisations: set aside, captured in part or whole, released, expired.

use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::world::{Reply, Shop, World, eur, text};
use crate::actions::{end_authorisation::expire_authorisations, expire_cards::expire_cards};

async fn authorise(world: &World, shop: &Shop, code: &str, minor: i64, name: &str) -> Reply {
    let body = json!({ "code": code, "amount": eur(minor), "external_id": name });
    world.post("/authorisations", &shop.token, name, body).await
}

async fn authorised(world: &World, shop: &Shop, code: &str, minor: i64, name: &str) -> String {
    text(&authorise(world, shop, code, minor, name).await.expect(StatusCode::CREATED), "id")
}

async fn end(world: &World, shop: &Shop, id: &str, how: &str, key: &str, body: Value) -> Reply {
    world.post(&format!("/authorisations/{id}/{how}"), &shop.token, key, body).await
}

async fn available(world: &World, shop: &Shop, code: &str) -> Value {
    let balance = world.post("/cards/balance", &shop.token, "", json!({ "code": code })).await;
    balance.expect(StatusCode::OK)["available"].clone()
}

#[tokio::test]
async fn a_part_is_captured_and_the_rest_goes_back() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (_, code) = world.card_code(&shop, 1_000).await;
        let id = authorised(&world, &shop, &code, 600, "order-1").await;
        assert_eq!(available(&world, &shop, &code).await, eur(400));
        world.redeem(&shop, &code, 401).await.refused(StatusCode::CONFLICT, "insufficient_balance");
        world.assert_sound().await;
        let too_much = json!({ "amount": eur(601) });
        end(&world, &shop, &id, "capture", "c0", too_much)
            .await
            .refused(StatusCode::CONFLICT, "capture_too_large");
        let part = json!({ "amount": eur(250) });
        let captured = end(&world, &shop, &id, "capture", "c1", part.clone()).await;
        let captured = captured.expect(StatusCode::CREATED);
        assert_eq!(captured["state"], "captured");
        let again =
            end(&world, &shop, &id, "capture", "c1", part).await.expect(StatusCode::CREATED);
        assert_eq!(again, captured, "a repeat changes nothing");
        assert_eq!(available(&world, &shop, &code).await, eur(750));
        end(&world, &shop, &id, "release", "r1", json!({}))
            .await
            .refused(StatusCode::CONFLICT, "authorisation_ended");
        let redemption = text(&captured, "redemption_id");
        let shown = world.get(&format!("/redemptions/{redemption}"), &shop.token).await;
        let shown = shown.expect(StatusCode::OK);
        assert_eq!((&shown["amount"], &shown["external_id"]), (&eur(250), &json!("order-1")));
        world.request_settlement(&shop).await.expect(StatusCode::ACCEPTED);
        world.send_due().await;
        assert_eq!(world.bank.paid_minor(), 250);
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn all_of_a_card_can_be_authorised_and_released() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (_, code) = world.card_code(&shop, 1_000).await;
        let id = authorised(&world, &shop, &code, 1_000, "order-1").await;
        assert_eq!(available(&world, &shop, &code).await, eur(0));
        let known = authorise(&world, &shop, &code, 1_000, "order-1").await;
        assert_eq!(text(&known.expect(StatusCode::CREATED), "id"), id, "the till asked twice");
        let body = json!({ "code": code, "amount": eur(1), "external_id": "order-1" });
        world
            .post("/authorisations", &shop.token, "other", body)
            .await
            .refused(StatusCode::CONFLICT, "authorisation_known");
        end(&world, &shop, &id, "release", "r", json!({})).await.expect(StatusCode::OK);
        assert_eq!(available(&world, &shop, &code).await, eur(1_000));
        let id = authorised(&world, &shop, &code, 1_000, "order-2").await;
        end(&world, &shop, &id, "capture", "c", json!({})).await.expect(StatusCode::CREATED);
        world.redeem(&shop, &code, 1).await.refused(StatusCode::CONFLICT, "card_exhausted");
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn one_that_is_forgotten_expires() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (_, code) = world.card_code(&shop, 1_000).await;
        let id = authorised(&world, &shop, &code, 600, "order-1").await;
        world.pass(SignedDuration::from_hours(7 * 24 - 1));
        expire_authorisations(world.service()).await.unwrap();
        assert_eq!(available(&world, &shop, &code).await, eur(400));
        world.pass(SignedDuration::from_hours(1));
        expire_authorisations(world.service()).await.unwrap();
        assert_eq!(available(&world, &shop, &code).await, eur(1_000));
        end(&world, &shop, &id, "capture", "c", json!({}))
            .await
            .refused(StatusCode::CONFLICT, "authorisation_ended");
        let found = world.get("/authorisations?external_id=order-1", &shop.token).await;
        assert_eq!(found.expect(StatusCode::OK)["items"][0]["state"], "expired");
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn a_card_that_expires_leaves_what_is_set_aside() {
    for world in World::each().await {
        let shop = world.shop_with(json!({ "validity_days": 1_826 })).await;
        let (card, code) = world.card_code(&shop, 1_000).await;
        world.pass(SignedDuration::from_hours(1_825 * 24));
        let taken = authorised(&world, &shop, &code, 300, "order-1").await;
        let let_go = authorised(&world, &shop, &code, 200, "order-2").await;
        world.pass(SignedDuration::from_hours(24));
        expire_cards(world.service()).await.unwrap();
        world.assert_sound().await;
        end(&world, &shop, &taken, "capture", "c", json!({})).await.expect(StatusCode::CREATED);
        world.redeem(&shop, &code, 1).await.refused(StatusCode::CONFLICT, "card_expired");
        end(&world, &shop, &let_go, "release", "r", json!({})).await.expect(StatusCode::OK);
        assert_eq!(available(&world, &shop, &code).await, eur(200), "{card} has a month more");
        world.redeem(&shop, &code, 200).await.expect(StatusCode::CREATED);
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn only_its_merchant_ends_it_and_only_once() {
    for world in World::each().await {
        let (shop, other) = (world.shop().await, world.shop().await);
        let (_, code) = world.card_code(&shop, 1_000).await;
        authorise(&world, &other, &code, 100, "x")
            .await
            .refused(StatusCode::NOT_FOUND, "card_not_found");
        let id = authorised(&world, &shop, &code, 600, "order-1").await;
        end(&world, &other, &id, "capture", "c", json!({}))
            .await
            .refused(StatusCode::NOT_FOUND, "not_found");
        let hours = json!({ "code": code, "amount": eur(1), "external_id": "y", "hold_hours": 0 });
        world
            .post("/authorisations", &shop.token, "y", hours)
            .await
            .refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input");
        let (a, b) = tokio::join!(
            end(&world, &shop, &id, "capture", "c1", json!({})),
            end(&world, &shop, &id, "release", "r1", json!({})),
        );
        let done = [&a, &b].iter().filter(|reply| reply.status.is_success()).count();
        assert_eq!(done, 1, "{a:?} {b:?} on {}", world.db);
        world.assert_sound().await;
    }
}
