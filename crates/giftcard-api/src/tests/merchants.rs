//! Merchants, tokens and products: who may, and what is checked.

use http::StatusCode;
use serde_json::json;

use super::world::{ADMIN, World, text};

#[tokio::test]
async fn only_the_administrator_registers_merchants() {
    for world in World::each().await {
        let body = json!({ "name": "A", "email": "a@b.example", "payout_destination": "acct" });
        for token in ["", "hs_test_guess"] {
            let reply = world.post("/merchants", token, "k", body.clone()).await;
            reply.refused(StatusCode::UNAUTHORIZED, "unauthorized");
        }
        let shop = world.shop().await;
        world
            .post("/merchants", &shop.token, "k", body.clone())
            .await
            .refused(StatusCode::UNAUTHORIZED, "unauthorized");
        let path = format!("/merchants/{}/tokens", shop.merchant);
        world
            .post(&path, &shop.token, "", json!({}))
            .await
            .refused(StatusCode::UNAUTHORIZED, "unauthorized");
        world
            .post("/merchants", ADMIN, "", body)
            .await
            .refused(StatusCode::BAD_REQUEST, "idempotency_key_missing");
    }
}

#[tokio::test]
async fn a_key_registers_one_merchant() {
    for world in World::each().await {
        let body = json!({ "name": "A", "email": "a@b.example", "payout_destination": "acct" });
        let first = world.post("/merchants", ADMIN, "k", body.clone()).await;
        let first = first.expect(StatusCode::CREATED);
        let again = world.post("/merchants", ADMIN, "k", body).await.expect(StatusCode::CREATED);
        assert_eq!(again["id"], first["id"]);
        let other = json!({ "name": "B", "email": "a@b.example", "payout_destination": "acct" });
        world
            .post("/merchants", ADMIN, "k", other)
            .await
            .refused(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused");
    }
}

#[tokio::test]
async fn bad_fields_are_named_and_do_not_use_the_key_up() {
    let world = &World::sqlite().await;
    let bad = json!({ "name": "A", "email": "nobody", "payout_destination": "acct" });
    let reply = world.post("/merchants", ADMIN, "k", bad).await;
    let body = reply.refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input");
    assert_eq!(body["errors"][0]["pointer"], "/email");
    let good = json!({ "name": "A", "email": "a@b.example", "payout_destination": "acct" });
    world.post("/merchants", ADMIN, "k", good).await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn products_are_their_merchants_own() {
    for world in World::each().await {
        let (ours, theirs) = (world.shop().await, world.shop().await);
        let listed = world.get("/products", &ours.token).await.expect(StatusCode::OK);
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        assert_eq!(listed["items"][0]["id"], json!(ours.product));
        let path = format!("/products/{}/close", ours.product);
        world
            .post(&path, &theirs.token, "", json!({}))
            .await
            .refused(StatusCode::NOT_FOUND, "not_found");
        for _ in 0..2 {
            let closed = world.post(&path, &ours.token, "", json!({})).await;
            assert_eq!(closed.expect(StatusCode::OK)["state"], "closed");
        }
        let short = json!({ "name": "x", "currency": "EUR", "min_minor": 1, "max_minor": 1,
            "validity_days": 365 });
        let reply = world.post("/products", &ours.token, "", short).await;
        let body = reply.refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input");
        assert_eq!(body["errors"][0]["pointer"], "/validity_days");
    }
}

#[tokio::test]
async fn lists_are_paged() {
    for world in World::each().await {
        let shop = world.shop().await;
        for n in 0..4 {
            let body = json!({ "name": format!("P{n}"), "currency": "EUR", "min_minor": 1, "max_minor": 1 });
            world.post("/products", &shop.token, "", body).await.expect(StatusCode::CREATED);
        }
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = world.get(&format!("/products?limit=2{after}"), &shop.token).await;
            let page = page.expect(StatusCode::OK);
            seen.extend(page["items"].as_array().unwrap().iter().map(|item| text(item, "id")));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(seen.len(), 5);
        seen.dedup();
        assert_eq!(seen.len(), 5);
        for bad in ["limit=0", "limit=101", "limit=x", "after=x"] {
            world
                .get(&format!("/products?{bad}"), &shop.token)
                .await
                .refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input");
        }
    }
}
