//! A settlement's statement adds up to what is transferred.

use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::json;

use super::world::{World, eur, text};

#[tokio::test]
async fn a_settlement_can_be_checked_line_by_line() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (_, code) = world.card_code(&shop, 900).await;
        let body = json!({ "code": code, "amount": eur(700), "external_id": "=till-1" });
        let redeemed = world.post("/redemptions", &shop.token, "r", body).await;
        let redeemed = redeemed.expect(StatusCode::CREATED);
        let path = format!("/redemptions/{}/reversals", text(&redeemed, "id"));
        let part = json!({ "amount": eur(100) });
        world.post(&path, &shop.token, "v", part).await.expect(StatusCode::CREATED);
        let settlement = world.request_settlement(&shop).await.expect(StatusCode::ACCEPTED);
        world.send_due().await;
        let id = text(&settlement, "id");
        let request = Request::get(format!("/api/giftcard/v1/settlements/{id}/statement.csv"))
            .header(header::AUTHORIZATION, format!("Bearer {}", shop.token))
            .body(Body::empty())
            .unwrap();
        let answer = world.send(request).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        let sheet = String::from_utf8(bytes.to_vec()).unwrap();
        let rows: Vec<Vec<&str>> =
            sheet.lines().skip(1).map(|row| row.split(',').collect()).collect();
        let told: Vec<_> = rows.iter().map(|row| (row[0], row[3], row[5])).collect();
        assert_eq!(
            told,
            [
                ("redemption", "'=till-1", "700"),
                ("reversal", "'=till-1", "-100"),
                ("total", "", "600"),
            ]
        );
        assert_eq!(world.bank.paid_minor(), 600, "{}", world.db);
        assert!(!sheet.contains(&code), "a statement has no codes");
        let other = world.shop().await;
        let theirs = format!("/settlements/{id}/statement.csv");
        world.get(&theirs, &other.token).await.refused(StatusCode::NOT_FOUND, "not_found");
    }
}
