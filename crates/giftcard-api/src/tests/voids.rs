//! A merchant closes: what its cards have left goes back to the hosts, once.

use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};
use testkit::eventually;

use super::{
    operator::recorded,
    running::{Giveaways, SOON},
    world::{ADMIN, Reply, Shop, World, eur, text},
};

fn listed(closing: &Value) -> Vec<(String, i64)> {
    let items = closing["cards"]["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| (text(item, "outcome"), item["amount"]["minor"].as_i64().unwrap()))
        .collect()
}

/// Waits until this has become of the cards, while time passes.
async fn become_of(world: &World, shop: &Shop, expected: [(&str, i64); 2]) {
    let expected = expected.map(|(outcome, minor)| (outcome.to_owned(), minor));
    eventually(SOON, async || {
        world.pass(SignedDuration::from_secs(1));
        let shown = world.get("/merchants/me/closing", &shop.token).await.expect(StatusCode::OK);
        listed(&shown) == expected
    })
    .await;
}

async fn authorise(world: &World, shop: &Shop, code: &str, minor: i64, name: &str) -> Reply {
    let body = json!({ "code": code, "amount": eur(minor), "external_id": name });
    world.post("/authorisations", &shop.token, name, body).await
}

#[tokio::test]
async fn what_the_cards_of_a_closed_merchant_have_left_goes_back() {
    for world in World::each().await {
        let shop = world.shop().await;
        let other = world.shop().await;
        let (_, partly) = world.card_code(&shop, 1_000).await;
        let (_, busy) = world.card_code(&shop, 500).await;
        let (_, spent) = world.card_code(&shop, 300).await;
        let (_, elsewhere) = world.card_code(&other, 800).await;
        let redeemed = world.redeem(&shop, &partly, 400).await.expect(StatusCode::CREATED);
        world.redeem(&shop, &spent, 300).await.expect(StatusCode::CREATED);
        let order = authorise(&world, &shop, &busy, 200, "order").await;
        let order = text(&order.expect(StatusCode::CREATED), "id");

        let early = world.get("/merchants/me/closing", &shop.token).await;
        early.refused(StatusCode::NOT_FOUND, "not_found");
        let close =
            async |key: &str| world.post("/merchants/me/close", &shop.token, key, json!({})).await;
        let closed = close("c").await.expect(StatusCode::ACCEPTED);
        let pending = [("pending".to_owned(), 600), ("authorised".to_owned(), 300)];
        assert_eq!(listed(&closed), pending, "{}", world.db);

        // Nothing new is done with its cards; what was begun is ended.
        let refused = world.redeem(&shop, &partly, 100).await;
        refused.refused(StatusCode::CONFLICT, "merchant_closed");
        let refused = authorise(&world, &shop, &partly, 100, "late").await;
        refused.refused(StatusCode::CONFLICT, "merchant_closed");
        let terms = json!({ "name": "New", "currency": "EUR", "min_minor": 100, "max_minor": 200 });
        let refused = world.post("/products", &shop.token, "", terms).await;
        refused.refused(StatusCode::CONFLICT, "merchant_closed");

        world.app.start();
        let giveaways = Giveaways::default();
        let worker = giveaways.answer(&world);
        become_of(&world, &shop, [("credited", 600), ("authorised", 300)]).await;
        let capture = format!("/authorisations/{order}/capture");
        let part = json!({ "amount": eur(150) });
        world.post(&capture, &shop.token, "cap", part).await.expect(StatusCode::CREATED);
        become_of(&world, &shop, [("credited", 600), ("credited", 350)]).await;
        // What is reversed later has nowhere else to go.
        let reversal = format!("/redemptions/{}/reversals", text(&redeemed, "id"));
        let part = json!({ "amount": eur(50) });
        world.post(&reversal, &shop.token, "rev", part).await.expect(StatusCode::CREATED);
        become_of(&world, &shop, [("credited", 650), ("credited", 350)]).await;

        for key in ["c", "again"] {
            let again = close(key).await.expect(StatusCode::ACCEPTED);
            assert_eq!(again["closed_at"], closed["closed_at"]);
        }
        let mut credited: Vec<_> =
            giveaways.credited.lock().unwrap().iter().map(|(.., minor)| *minor).collect();
        credited.sort_unstable();
        assert_eq!(credited, [50, 350, 600], "{}", world.db);
        // What the merchant is owed is still settled, and the other merchant never noticed.
        world.request_settlement(&shop).await.expect(StatusCode::ACCEPTED);
        let shown = world.post("/cards/balance", &shop.token, "", json!({ "code": partly })).await;
        assert_eq!(shown.expect(StatusCode::OK)["state"], "voided");
        world.redeem(&other, &elsewhere, 800).await.expect(StatusCode::CREATED);
        assert!(world.shutdown.stop().await);
        worker.shutdown().await;
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn the_operator_closes_a_merchant_and_voids_a_card() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (card, code) = world.card_code(&shop, 500).await;
        let order = authorise(&world, &shop, &code, 200, "order").await;
        let order = text(&order.expect(StatusCode::CREATED), "id");
        let path = format!("/admin/cards/{card}/void");
        let void = async |key: &str, token: &str| {
            world.post(&path, token, key, json!({ "note": "the winner was a fraud" })).await
        };
        let busy = void("v1", ADMIN).await.refused(StatusCode::CONFLICT, "card_authorised");
        assert_eq!(busy["authorised"]["minor"], 200);
        let release = format!("/authorisations/{order}/release");
        world.post(&release, &shop.token, "r", json!({})).await.expect(StatusCode::OK);
        let voided = void("v2", ADMIN).await.expect(StatusCode::OK);
        assert_eq!((&voided["state"], &voided["amount"]["minor"]), (&json!("voided"), &json!(500)));
        assert_eq!(void("v2", ADMIN).await.expect(StatusCode::OK), voided);
        void("v3", ADMIN).await.refused(StatusCode::CONFLICT, "card_voided");
        void("v4", &shop.token).await.refused(StatusCode::UNAUTHORIZED, "unauthorized");
        assert_eq!(recorded(&world, &card).await.len(), 1);

        let path = format!("/admin/merchants/{}/close", shop.merchant);
        let silent = world.post(&path, ADMIN, "n", json!({ "note": "" })).await;
        silent.refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input");
        let body = json!({ "note": "insolvent" });
        world.post(&path, ADMIN, "c", body).await.expect(StatusCode::ACCEPTED);
        let path = format!("/admin/merchants/{}/closing", shop.merchant);
        let shown = world.get(&path, ADMIN).await.expect(StatusCode::OK);
        assert_eq!(listed(&shown), [("voided".to_owned(), 500)], "not credited yet");
        let why = ("close_merchant".to_owned(), "insolvent".to_owned());
        assert_eq!(recorded(&world, &shop.merchant).await, [why]);
        world.assert_sound().await;
    }
}
