//! What the operator does by hand: once, with a reason that is kept.

use http::StatusCode;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};

use super::{
    bank::Next,
    world::{ADMIN, DESTINATION, Shop, World, eur, text},
};

/// What was recorded about this, as actions with their notes.
pub(super) async fn recorded(world: &World, subject: &str) -> Vec<(String, String)> {
    let conn = world.db.read();
    let sql = "SELECT action, note FROM operator_action WHERE subject = $1 AND actor = 'operator' \
               ORDER BY id";
    let statement =
        Statement::from_sql_and_values(conn.get_database_backend(), sql, [subject.into()]);
    let rows = conn.query_all_raw(statement).await.unwrap();
    let text = |row: &sea_orm::QueryResult, name: &str| row.try_get::<String>("", name).unwrap();
    rows.iter().map(|row| (text(row, "action"), text(row, "note"))).collect()
}

async fn is_blocked(world: &World, shop: &Shop) -> bool {
    let me = world.get("/merchants/me", &shop.token).await.expect(StatusCode::OK);
    me["blocked"].as_bool().unwrap()
}

async fn accept(world: &World, provider_id: &str, key: &str) -> super::world::Reply {
    let path = format!("/admin/suspense/{provider_id}/accept");
    world.post(&path, ADMIN, key, json!({ "note": "a gift of the bank" })).await
}

async fn suspense(world: &World) -> Vec<String> {
    let listed = world.get("/admin/suspense", ADMIN).await.expect(StatusCode::OK);
    listed["items"].as_array().unwrap().iter().map(|item| text(item, "provider_id")).collect()
}

#[tokio::test]
async fn a_merchant_is_free_when_every_transfer_was_looked_into() {
    for world in World::each().await {
        let shop = world.shop().await;
        let first = world.bank.insert("stl_nobody_1", 123, DESTINATION).id;
        let second = world.bank.insert("stl_nobody_2", 77, DESTINATION).id;
        world.sweep().await;
        assert!(is_blocked(&world, &shop).await);
        let mut both = vec![first.clone(), second.clone()];
        both.sort();
        assert_eq!(suspense(&world).await, both, "{}", world.db);
        let path = format!("/admin/suspense/{first}/accept");
        for note in ["", " ", &"x".repeat(501)] {
            let refused = world.post(&path, ADMIN, "n", json!({ "note": note })).await;
            refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input");
        }
        let accepted = accept(&world, &first, "a").await.expect(StatusCode::OK);
        assert_eq!(accepted["blocked"], 1);
        assert_eq!(accept(&world, &first, "a").await.expect(StatusCode::OK), accepted);
        accept(&world, &first, "b").await.refused(StatusCode::CONFLICT, "transfer_accepted");
        accept(&world, "tr_none", "c").await.refused(StatusCode::NOT_FOUND, "not_found");
        assert_eq!(suspense(&world).await, [second.as_str()]);
        assert!(is_blocked(&world, &shop).await, "the other one still blocks it");
        accept(&world, &second, "d").await.expect(StatusCode::OK);
        // The provider's list still shows both, and nobody is blocked for them again.
        world.sweep().await;
        assert!(!is_blocked(&world, &shop).await, "{}", world.db);
        let open = world.get("/admin/alerts", ADMIN).await.expect(StatusCode::OK);
        assert_eq!(open["items"], json!([]));
        let expected = ("accept_transfer".to_owned(), "a gift of the bank".to_owned());
        assert_eq!(recorded(&world, &first).await, [expected]);
        world.requested(&shop, 500).await;
        world.send_due().await;
        assert_eq!(world.bank.paid_minor(), 123 + 77 + 500, "{}", world.db);
        world.assert_sound().await;
        // A new one blocks it again.
        world.bank.insert("stl_nobody_3", 5, DESTINATION);
        world.sweep().await;
        assert!(is_blocked(&world, &shop).await, "{}", world.db);
    }
}

async fn cancel(world: &World, id: &str, key: &str) -> super::world::Reply {
    let path = format!("/admin/settlements/{id}/cancel");
    world.post(&path, ADMIN, key, json!({ "note": "their account is closed" })).await
}

#[tokio::test]
async fn a_settlement_without_a_live_attempt_frees_its_lines() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        cancel(&world, &id, "early").await.refused(StatusCode::CONFLICT, "attempt_live");
        world.bank.script([Next::Refuse("closed_account")]);
        world.send_due().await;
        let due = async || -> Value {
            world.get("/merchants/me", &shop.token).await.expect(StatusCode::OK)["due"].clone()
        };
        assert_eq!(due().await, json!([]));
        let cancelled = cancel(&world, &id, "c").await.expect(StatusCode::OK);
        assert_eq!(cancelled["state"], "cancelled");
        assert_eq!(cancel(&world, &id, "c").await.expect(StatusCode::OK), cancelled);
        cancel(&world, &id, "d").await.refused(StatusCode::CONFLICT, "settlement_ended");
        assert_eq!(due().await, json!([eur(700)]), "{}", world.db);
        let expected = ("cancel_settlement".to_owned(), "their account is closed".to_owned());
        assert_eq!(recorded(&world, &id).await, [expected]);
        world.assert_sound().await;
        let next = world.request_settlement(&shop).await.expect(StatusCode::ACCEPTED);
        assert_eq!(next["total"], eur(700));
        assert_ne!(text(&next, "id"), id);
        world.send_due().await;
        assert_eq!(world.bank.paid_minor(), 700, "paid once, {}", world.db);
        let next = text(&next, "id");
        cancel(&world, &next, "paid").await.refused(StatusCode::CONFLICT, "settlement_ended");
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn a_settlement_whose_money_may_have_moved_keeps_its_lines() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        world.bank.script([Next::PayAndLoseAnswer]);
        world.send_due().await;
        cancel(&world, &id, "sending").await.refused(StatusCode::CONFLICT, "attempt_live");
        let other = world.shop_paid_at("acct_other").await;
        let failed = world.requested(&other, 300).await;
        world.bank.script([Next::Refuse("closed_account")]);
        world.send_due().await;
        world.bank.insert(&format!("{failed}_1"), 300, "acct_other");
        world.sweep().await;
        cancel(&world, &failed, "k").await.refused(StatusCode::CONFLICT, "merchant_blocked");
        assert_eq!(
            world.settlement(&other, &failed).await["lines"]["items"][0]["amount"],
            eur(300)
        );
        world.assert_sound().await;
    }
}
