//! Cards at the till: reveal, balance, redemption, reversal, expiry.

use contracts::giftcard::MintRevealTokenRequest;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use super::world::{World, eur, text};
use crate::actions::expire_cards::expire_cards;

const YEARS: SignedDuration = SignedDuration::from_hours(1_826 * 24);

async fn expire(world: &World) {
    expire_cards(world.service()).await.unwrap();
}

#[tokio::test]
async fn a_code_is_shown_once_per_token() {
    for world in World::each().await {
        let shop = world.shop().await;
        let card = world.card(&shop, 500).await;
        let mint = async || {
            let request = MintRevealTokenRequest { card_id: card.clone() };
            world.rpc().mint_reveal_token(request).await.unwrap().into_inner().token
        };
        let token = mint().await;
        let shown = world.post("/cards/reveal", "", "", json!({ "token": token })).await;
        let shown = shown.expect(StatusCode::OK);
        assert!(text(&shown, "qr_svg").starts_with("<svg"));
        assert_eq!(shown["available"], eur(500));
        world
            .post("/cards/reveal", "", "", json!({ "token": token }))
            .await
            .refused(StatusCode::GONE, "link_used");
        let other = mint().await;
        let again = world.post("/cards/reveal", "", "", json!({ "token": other })).await;
        assert_eq!(again.expect(StatusCode::OK)["code"], shown["code"]);
        world
            .post("/cards/reveal", "", "", json!({ "token": "guess" }))
            .await
            .refused(StatusCode::GONE, "link_invalid");
        let late = mint().await;
        world.pass(SignedDuration::from_hours(1));
        world
            .post("/cards/reveal", "", "", json!({ "token": late }))
            .await
            .refused(StatusCode::GONE, "link_expired");
    }
}

#[tokio::test]
async fn concurrent_reveals_of_one_token_show_the_code_once() {
    for world in World::each().await {
        let shop = world.shop().await;
        let request = MintRevealTokenRequest { card_id: world.card(&shop, 500).await };
        let token = world.rpc().mint_reveal_token(request).await.unwrap().into_inner().token;
        let body = json!({ "token": token });
        let (a, b) = tokio::join!(
            world.post("/cards/reveal", "", "", body.clone()),
            world.post("/cards/reveal", "", "", body.clone()),
        );
        let shown = [a, b].iter().filter(|reply| reply.status == StatusCode::OK).count();
        assert_eq!(shown, 1);
    }
}

#[tokio::test]
async fn the_database_holds_no_code() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (_, code) = world.card_code(&shop, 500).await;
        world.redeem(&shop, &code, 100).await.expect(StatusCode::CREATED);
        let bare = code.replace('-', "");
        use sea_orm::EntityTrait as _;
        let rows = crate::store::card::entity::Entity::find().all(world.db.read()).await.unwrap();
        assert!(!format!("{rows:?}").contains(&bare));
        assert!(rows.iter().all(|row| !row.code_sealed.windows(27).any(|w| w == bare.as_bytes())));
        let stored = "SELECT body FROM ledger_idempotency";
        use sea_orm::ConnectionTrait as _;
        let engine = world.db.engine();
        let found = world
            .db
            .read()
            .query_all_raw(sea_orm::Statement::from_string(engine, stored))
            .await
            .unwrap();
        for row in found {
            let body: Option<String> = row.try_get("", "body").unwrap();
            assert!(!body.unwrap_or_default().contains(&bare));
        }
    }
}

#[tokio::test]
async fn strangers_and_other_merchants_cannot_tell_cards_apart() {
    for world in World::each().await {
        let (ours, theirs) = (world.shop().await, world.shop().await);
        let (_, full) = world.card_code(&ours, 500).await;
        let (_, empty) = world.card_code(&ours, 500).await;
        world.redeem(&ours, &empty, 500).await.expect(StatusCode::CREATED);
        let unknown = crate::secrets::CardSecrets::new_code().grouped().to_string();
        let ask = async |code: &str, token: &str| {
            world.post("/cards/balance", token, "", json!({ "code": code })).await
        };
        for code in [&empty, &unknown] {
            ask(code, "").await.refused(StatusCode::NOT_FOUND, "card_not_found");
        }
        for code in [&full, &empty, &unknown] {
            let mut bodies = vec![
                ask(code, &theirs.token).await.refused(StatusCode::NOT_FOUND, "card_not_found"),
            ];
            bodies.push(
                world
                    .redeem(&theirs, code, 100)
                    .await
                    .refused(StatusCode::NOT_FOUND, "card_not_found"),
            );
            for body in &mut bodies {
                body.as_object_mut().unwrap().remove("request_id");
            }
            assert_eq!(bodies[0], bodies[1]);
        }
        let shown = ask(&full.to_lowercase(), "").await.expect(StatusCode::OK);
        assert_eq!(shown["available"], eur(500));
        let own = ask(&empty, &ours.token).await.expect(StatusCode::OK);
        assert_eq!((&own["state"], &own["available"]), (&json!("exhausted"), &eur(0)));
        ask("AAAA", "").await.refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input");
        ask(&full, "hs_test_bad").await.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
}

#[tokio::test]
async fn guessing_is_stopped() {
    let world = &World::sqlite().await;
    let shop = world.shop().await;
    let (_, code) = world.card_code(&shop, 500).await;
    let guess = || crate::secrets::CardSecrets::new_code().grouped().to_string();
    let mut stopped = false;
    for _ in 0..100 {
        let reply = world.post("/cards/balance", "", "", json!({ "code": guess() })).await;
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            stopped = true;
            break;
        }
    }
    assert!(stopped);
    // Not even a right guess is answered now, while the till goes on.
    world
        .post("/cards/balance", "", "", json!({ "code": code }))
        .await
        .refused(StatusCode::TOO_MANY_REQUESTS, "too_many_requests");
    world.redeem(&shop, &code, 100).await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn refusals_say_why_and_change_nothing() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (card, code) = world.card_code(&shop, 500).await;
        let body = world
            .redeem(&shop, &code, 501)
            .await
            .refused(StatusCode::CONFLICT, "insufficient_balance");
        assert_eq!(body["available"], eur(500));
        for bad in [0, -5] {
            world
                .redeem(&shop, &code, bad)
                .await
                .refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input");
        }
        let usd = json!({ "code": code, "amount": { "minor": 5, "currency": "USD" }, "external_id": "x" });
        world
            .post("/redemptions", &shop.token, "usd", usd)
            .await
            .refused(StatusCode::UNPROCESSABLE_ENTITY, "currency_mismatch");
        let shown = world.post("/cards/balance", &shop.token, "", json!({ "code": code })).await;
        let shown = shown.expect(StatusCode::OK);
        assert_eq!((&shown["available"], &shown["card_id"]), (&eur(500), &json!(card)));
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn a_key_redeems_once_and_an_external_id_is_found_again() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (_, code) = world.card_code(&shop, 500).await;
        let body = json!({ "code": code, "amount": eur(200), "external_id": "r1" });
        let first = world.post("/redemptions", &shop.token, "k", body.clone()).await;
        let first = first.expect(StatusCode::CREATED);
        let again = world.post("/redemptions", &shop.token, "k", body).await;
        assert_eq!(again.expect(StatusCode::CREATED), first);
        let other = json!({ "code": code, "amount": eur(100), "external_id": "r1" });
        world
            .post("/redemptions", &shop.token, "k", other.clone())
            .await
            .refused(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused");
        let used = world
            .post("/redemptions", &shop.token, "k2", other)
            .await
            .refused(StatusCode::CONFLICT, "external_id_used");
        assert_eq!(used["redemption_id"], first["id"]);
        let found =
            world.get("/redemptions?external_id=r1", &shop.token).await.expect(StatusCode::OK);
        assert_eq!(found["items"][0]["id"], first["id"]);
        let none =
            world.get("/redemptions?external_id=r2", &shop.token).await.expect(StatusCode::OK);
        assert_eq!(none["items"], json!([]));
        let shown = world.get(&format!("/redemptions/{}", text(&first, "id")), &shop.token).await;
        assert_eq!(shown.expect(StatusCode::OK)["amount"], eur(200));
        let stranger = world.shop().await;
        world
            .get(&format!("/redemptions/{}", text(&first, "id")), &stranger.token)
            .await
            .refused(StatusCode::NOT_FOUND, "not_found");
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn a_stored_refusal_is_repeated_and_validation_is_not_stored() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (_, code) = world.card_code(&shop, 500).await;
        let body = json!({ "code": code, "amount": eur(900), "external_id": "r1" });
        for _ in 0..2 {
            let refused = world.post("/redemptions", &shop.token, "k", body.clone()).await;
            refused.refused(StatusCode::CONFLICT, "insufficient_balance");
        }
        let bad = json!({ "code": code, "amount": eur(0), "external_id": "r2" });
        world
            .post("/redemptions", &shop.token, "k2", bad)
            .await
            .refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input");
        let good = json!({ "code": code, "amount": eur(100), "external_id": "r2" });
        world.post("/redemptions", &shop.token, "k2", good).await.expect(StatusCode::CREATED);
    }
}

#[tokio::test]
async fn concurrent_tills_never_spend_more_than_the_card_has() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (_, code) = world.card_code(&shop, 1_000).await;
        let redeemed =
            futures::future::join_all((0..8).map(|_| world.redeem(&shop, &code, 300))).await;
        let made = redeemed.iter().filter(|reply| reply.status == StatusCode::CREATED).count();
        assert_eq!(made, 3, "{redeemed:?}");
        for reply in redeemed.into_iter().filter(|reply| reply.status != StatusCode::CREATED) {
            reply.refused(StatusCode::CONFLICT, "insufficient_balance");
        }
        // One key, many tills: one redemption.
        let body = json!({ "code": code, "amount": eur(50), "external_id": "same" });
        let twins = futures::future::join_all(
            (0..6).map(|_| world.post("/redemptions", &shop.token, "same", body.clone())),
        )
        .await;
        let mut ids: Vec<_> =
            twins.into_iter().map(|reply| text(&reply.expect(StatusCode::CREATED), "id")).collect();
        ids.dedup();
        assert_eq!(ids.len(), 1);
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn reversals_give_back_at_most_what_was_redeemed() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (_, code) = world.card_code(&shop, 500).await;
        let redeemed = world.redeem(&shop, &code, 500).await.expect(StatusCode::CREATED);
        let path = format!("/redemptions/{}/reversals", text(&redeemed, "id"));
        let part = json!({ "amount": eur(200) });
        let first =
            world.post(&path, &shop.token, "v1", part.clone()).await.expect(StatusCode::CREATED);
        let again = world.post(&path, &shop.token, "v1", part).await.expect(StatusCode::CREATED);
        assert_eq!(first, again);
        world.redeem(&shop, &code, 200).await.expect(StatusCode::CREATED);
        let too_much = json!({ "amount": eur(301) });
        let body = world
            .post(&path, &shop.token, "v2", too_much)
            .await
            .refused(StatusCode::CONFLICT, "reversal_too_large");
        assert_eq!(body["left"], eur(300));
        let rest =
            world.post(&path, &shop.token, "v3", json!({})).await.expect(StatusCode::CREATED);
        assert_eq!(rest["amount"], eur(300));
        world
            .post(&path, &shop.token, "v4", json!({}))
            .await
            .refused(StatusCode::CONFLICT, "reversal_too_large");
        let stranger = world.shop().await;
        world
            .post(&path, &stranger.token, "v5", json!({}))
            .await
            .refused(StatusCode::NOT_FOUND, "not_found");
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn concurrent_reversals_give_back_once() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (_, code) = world.card_code(&shop, 500).await;
        let redeemed = world.redeem(&shop, &code, 500).await.expect(StatusCode::CREATED);
        let path = format!("/redemptions/{}/reversals", text(&redeemed, "id"));
        let keys = ["a", "b", "c", "d"];
        let reversed = futures::future::join_all(
            keys.map(|key| world.post(&path, &shop.token, key, json!({ "amount": eur(200) }))),
        )
        .await;
        let made = reversed.iter().filter(|reply| reply.status == StatusCode::CREATED).count();
        assert_eq!(made, 2, "{reversed:?}");
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn expiry_takes_what_is_available_and_a_reversal_reopens() {
    for world in World::each().await {
        let shop = world.shop_with(json!({ "validity_days": 1_826 })).await;
        let (_, code) = world.card_code(&shop, 500).await;
        let redeemed = world.redeem(&shop, &code, 200).await.expect(StatusCode::CREATED);
        world.pass(YEARS - SignedDuration::from_secs(1));
        expire(&world).await;
        world.redeem(&shop, &code, 100).await.expect(StatusCode::CREATED);
        world.pass(SignedDuration::from_secs(1));
        // Its time is over, whether or not the scan has run.
        world.redeem(&shop, &code, 1).await.refused(StatusCode::CONFLICT, "card_expired");
        for _ in 0..2 {
            expire(&world).await;
        }
        world.redeem(&shop, &code, 1).await.refused(StatusCode::CONFLICT, "card_expired");
        world.assert_sound().await;
        // The customer brings the goods back: 200 return, 200 more stay expired.
        let path = format!("/redemptions/{}/reversals", text(&redeemed, "id"));
        world.post(&path, &shop.token, "v", json!({})).await.expect(StatusCode::CREATED);
        world.redeem(&shop, &code, 50).await.expect(StatusCode::CREATED);
        world.pass(SignedDuration::from_hours(30 * 24) - SignedDuration::from_secs(1));
        expire(&world).await;
        world.redeem(&shop, &code, 50).await.expect(StatusCode::CREATED);
        world.pass(SignedDuration::from_secs(1));
        expire(&world).await;
        world.redeem(&shop, &code, 50).await.refused(StatusCode::CONFLICT, "card_expired");
        world.assert_sound().await;
    }
}
