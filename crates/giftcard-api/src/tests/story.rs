//! The way of one prize from reserve to payout.

use http::StatusCode;
use serde_json::json;

use super::world::{World, eur, text};

#[tokio::test]
async fn a_prize_becomes_a_card_becomes_a_payout() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (card, code) = world.card_code(&shop, 2_500).await;
        world.assert_sound().await;

        let body = json!({ "code": code, "amount": eur(1_000), "external_id": "receipt-1" });
        let redeemed = world.post("/redemptions", &shop.token, "k1", body).await;
        let redeemed = redeemed.expect(StatusCode::CREATED);
        assert_eq!(redeemed["card"], json!({ "id": card, "available": eur(1_500) }));
        world.redeem(&shop, &code, 1_500).await.expect(StatusCode::CREATED);
        let empty = world.redeem(&shop, &code, 1).await;
        empty.refused(StatusCode::CONFLICT, "card_exhausted");

        let me = world.get("/merchants/me", &shop.token).await.expect(StatusCode::OK);
        assert_eq!(me["due"], json!([eur(2_500)]));
        let settlement = world.request_settlement(&shop).await.expect(StatusCode::ACCEPTED);
        assert_eq!((&settlement["state"], &settlement["total"]), (&json!("intent"), &eur(2_500)));
        world.send_due().await;
        let settlement = world.settlement(&shop, &text(&settlement, "id")).await;
        assert_eq!(settlement["state"], "paid");
        assert_eq!(settlement["lines"]["items"].as_array().unwrap().len(), 2);
        assert_eq!(world.bank.paid_minor(), 2_500);
        world.sweep().await;
        world.assert_sound().await;
    }
}
