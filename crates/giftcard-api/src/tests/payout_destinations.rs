//! Where a merchant is paid changes slowly, and never for a transfer that is written.

use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::world::{ADMIN, DESTINATION, Reply, Shop, World, reply};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const ALMOST: SignedDuration = SignedDuration::from_hours(71);
const MINE: &str = "/merchants/me/payout-destination";

async fn send(world: &World, method: Method, path: &str, token: &str, body: Value) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/giftcard/v1{path}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    reply(world.send(request.body(Body::from(body.to_string())).unwrap()).await).await
}

async fn name(world: &World, shop: &Shop, destination: &str) -> Value {
    let body = json!({ "destination": destination });
    send(world, Method::PUT, MINE, &shop.token, body).await.expect(StatusCode::OK)
}

/// Where the merchant is paid, and where it will be.
async fn told(world: &World, shop: &Shop) -> (Value, Value) {
    let me = world.get("/merchants/me", &shop.token).await.expect(StatusCode::OK);
    let next = me["next_payout_destination"]["destination"].clone();
    (me["payout_destination"].clone(), next)
}

/// Where the last transfer was sent to.
fn sent_to(world: &World) -> String {
    world.bank.sends().pop().unwrap().destination
}

#[tokio::test]
async fn the_old_one_is_paid_until_the_new_one_has_cooled_off() {
    for world in World::each().await {
        let shop = world.shop().await;
        let named = name(&world, &shop, "acct_new").await;
        assert_eq!(
            (&named["destination"], &named["next"]["destination"]),
            (&json!(DESTINATION), &json!("acct_new"))
        );
        world.pass(ALMOST);
        assert_eq!(name(&world, &shop, "acct_new").await, named, "its time does not begin anew");
        assert_eq!(told(&world, &shop).await, (json!(DESTINATION), json!("acct_new")));
        world.requested(&shop, 300).await;
        world.send_due().await;
        assert_eq!(sent_to(&world), DESTINATION, "{}", world.db);
        // Written before its time, sent after it: frozen.
        world.requested(&shop, 400).await;
        world.pass(HOUR);
        assert_eq!(told(&world, &shop).await, (json!("acct_new"), Value::Null));
        world.send_due().await;
        assert_eq!(sent_to(&world), DESTINATION, "{}", world.db);
        world.requested(&shop, 500).await;
        world.send_due().await;
        assert_eq!(sent_to(&world), "acct_new", "{}", world.db);
        for bad in ["", "a b", &"x".repeat(201)] {
            let body = json!({ "destination": bad });
            let refused = send(&world, Method::PUT, MINE, &shop.token, body).await;
            let refused = refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input");
            assert_eq!(refused["errors"][0]["pointer"], "/destination");
        }
        world.assert_sound().await;
        // Money to where it was paid once is still held to be its own.
        world.bank.insert("stl_nobody_1", 5, "acct_new");
        world.sweep().await;
        let me = world.get("/merchants/me", &shop.token).await.expect(StatusCode::OK);
        assert_eq!(me["blocked"], true);
    }
}

#[tokio::test]
async fn what_is_taken_back_or_replaced_never_counts() {
    for world in World::each().await {
        let shop = world.shop().await;
        name(&world, &shop, "acct_thief").await;
        world.pass(ALMOST);
        let kept = send(&world, Method::DELETE, MINE, &shop.token, json!({})).await;
        assert_eq!(kept.expect(StatusCode::OK)["next"], Value::Null);
        send(&world, Method::DELETE, MINE, &shop.token, json!({})).await.expect(StatusCode::OK);
        world.pass(HOUR);
        assert_eq!(told(&world, &shop).await, (json!(DESTINATION), Value::Null), "{}", world.db);
        // Another one takes its place, and has its own time.
        name(&world, &shop, "acct_thief").await;
        world.pass(ALMOST);
        name(&world, &shop, "acct_mine").await;
        world.pass(ALMOST);
        assert_eq!(told(&world, &shop).await, (json!(DESTINATION), json!("acct_mine")));
        world.pass(HOUR);
        assert_eq!(told(&world, &shop).await, (json!("acct_mine"), Value::Null), "{}", world.db);
        // The one in force, named again, takes back too.
        name(&world, &shop, "acct_thief").await;
        name(&world, &shop, "acct_mine").await;
        world.pass(ALMOST + HOUR);
        assert_eq!(told(&world, &shop).await, (json!("acct_mine"), Value::Null), "{}", world.db);
    }
}

#[tokio::test]
async fn the_operator_waits_too_and_says_why() {
    for world in World::each().await {
        let shop = world.shop().await;
        let path = format!("/admin/merchants/{}/payout-destination", shop.merchant);
        let body = |note: &str| json!({ "destination": "acct_new", "note": note });
        let theirs = send(&world, Method::PUT, &path, &shop.token, body("x")).await;
        theirs.refused(StatusCode::UNAUTHORIZED, "unauthorized");
        let refused = send(&world, Method::PUT, &path, ADMIN, body(" ")).await;
        let refused = refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input");
        assert_eq!(refused["errors"][0]["pointer"], "/note");
        for _ in 0..2 {
            let named = send(&world, Method::PUT, &path, ADMIN, body("they wrote a letter")).await;
            assert_eq!(named.expect(StatusCode::OK)["destination"], DESTINATION);
        }
        let recorded = super::operator::recorded(&world, &shop.merchant).await;
        let expected = ("name_destination".to_owned(), "they wrote a letter".to_owned());
        assert_eq!(recorded, [expected], "{}", world.db);
        world.pass(ALMOST + HOUR);
        assert_eq!(told(&world, &shop).await, (json!("acct_new"), Value::Null), "{}", world.db);
    }
}
