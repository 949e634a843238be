//! A settlement's statement adds up to what was transferred and posted.

use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use platform::provider::TransferStatus;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};

use super::{
    bank::Next,
    world::{Shop, World, eur, text},
};

/// All lines, in pages of two, and what stands around them.
async fn read(world: &World, shop: &Shop, id: &str) -> (Value, Vec<Value>) {
    let path = format!("/settlements/{id}/statement?limit=2");
    let first = world.get(&path, &shop.token).await.expect(StatusCode::OK);
    let (mut page, mut lines) = (first.clone(), Vec::new());
    loop {
        lines.extend(page["lines"]["items"].as_array().unwrap().clone());
        let Some(next) = page["lines"]["next"].as_str() else { return (first, lines) };
        let path = format!("{path}&after={next}");
        page = world.get(&path, &shop.token).await.expect(StatusCode::OK);
    }
}

async fn file(world: &World, shop: &Shop, id: &str) -> String {
    let request = Request::get(format!("/api/giftcard/v1/settlements/{id}/statement.csv"))
        .header(header::AUTHORIZATION, format!("Bearer {}", shop.token));
    let answer = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// What the ledger posted to the merchant's account because of a settlement.
async fn posted(world: &World, kind: &str, settlement: &str) -> i64 {
    let id: crate::domain::ids::SettlementId = settlement.parse().unwrap();
    let sql = "SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) AS total FROM ledger_entry e \
               JOIN ledger_tx t ON t.op_id = e.op_id JOIN ledger_account a ON a.id = e.account_id \
               WHERE t.kind = $1 AND e.reference = $2 AND a.kind = 'payable'";
    let conn = world.db.read();
    let values = [kind.into(), id.0.into()];
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    conn.query_one_raw(statement).await.unwrap().unwrap().try_get("", "total").unwrap()
}

fn told(lines: &[Value]) -> Vec<(&str, i64, &str)> {
    let minor = |line: &Value| line["amount"]["minor"].as_i64().unwrap();
    lines
        .iter()
        .map(|line| {
            let till = line["external_id"].as_str().unwrap_or_default();
            (line["kind"].as_str().unwrap(), minor(line), till)
        })
        .collect()
}

/// A settlement of a redemption, a reversal and a captured authorisation, and the card's code.
async fn requested(world: &World, shop: &Shop) -> (Value, String) {
    let (_, code) = world.card_code(shop, 900).await;
    let body = json!({ "code": code, "amount": eur(500), "external_id": "=till1" });
    let redeemed = world.post("/redemptions", &shop.token, "r", body).await;
    let redeemed = text(&redeemed.expect(StatusCode::CREATED), "id");
    let path = format!("/redemptions/{redeemed}/reversals");
    let part = json!({ "amount": eur(100) });
    world.post(&path, &shop.token, "v", part).await.expect(StatusCode::CREATED);
    let body = json!({ "code": code, "amount": eur(300), "external_id": "room-7" });
    let set_aside = world.post("/authorisations", &shop.token, "a", body).await;
    let set_aside = text(&set_aside.expect(StatusCode::CREATED), "id");
    let path = format!("/authorisations/{set_aside}/capture");
    let part = json!({ "amount": eur(200) });
    world.post(&path, &shop.token, "c", part).await.expect(StatusCode::CREATED);
    let settlement = world.request_settlement(shop).await.expect(StatusCode::ACCEPTED);
    (settlement, code)
}

#[tokio::test]
async fn a_settlement_can_be_checked_line_by_line() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (settlement, code) = requested(&world, &shop).await;
        let id = text(&settlement, "id");
        world.bank.script([Next::Refuse("closed_account")]);
        world.send_due().await;
        world.request_settlement(&shop).await.expect(StatusCode::ACCEPTED);
        world.send_due().await;
        let (statement, lines) = read(&world, &shop, &id).await;
        let expected = [
            ("redemption", 500, "=till1"),
            ("reversal", -100, "=till1"),
            ("redemption", 200, "room-7"),
        ];
        assert_eq!(told(&lines), expected, "{}", world.db);
        assert_eq!((&statement["total"], &statement["lines_total"]), (&eur(600), &eur(600)));
        assert_eq!(posted(&world, "settle", &id).await, -600, "{}", world.db);
        let authorised: Vec<bool> =
            lines.iter().map(|line| line["authorisation_id"].is_string()).collect();
        assert_eq!(authorised, [false, false, true]);
        let attempts = statement["attempts"].as_array().unwrap();
        let states: Vec<_> = attempts
            .iter()
            .map(|attempt| (text(attempt, "state"), attempt["provider_id"].clone()))
            .collect();
        let transfer = json!(world.bank.transfers()[0].id);
        assert_eq!(states, [("failed".to_owned(), Value::Null), ("paid".to_owned(), transfer)]);
        assert_eq!(attempts[0]["failure_code"], "closed_account");

        let sheet = file(&world, &shop, &id).await;
        let rows: Vec<Vec<&str>> =
            sheet.lines().skip(1).map(|row| row.split(',').collect()).collect();
        let told: Vec<_> = rows.iter().map(|row| (row[0], row[3], row[7], row[9])).collect();
        let expected = [
            ("redemption", "'=till1", "", "500"),
            ("reversal", "'=till1", "", "-100"),
            ("redemption", "room-7", "", "200"),
            ("total", "", "paid", "600"),
            ("attempt", "", "failed", ""),
            ("attempt", "", "paid", ""),
        ];
        assert_eq!(told, expected, "{}", world.db);
        for shown in [statement.to_string(), json!(lines).to_string(), sheet] {
            assert!(!shown.contains(&code), "a statement has no codes");
        }
        let other = world.shop().await;
        for path in ["statement", "statement.csv"] {
            let path = format!("/settlements/{id}/{path}");
            world.get(&path, &other.token).await.refused(StatusCode::NOT_FOUND, "not_found");
        }
    }
}

#[tokio::test]
async fn what_came_back_is_a_line_of_the_next_settlement() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (settlement, _) = requested(&world, &shop).await;
        let id = text(&settlement, "id");
        world.send_due().await;
        world.bank.becomes(&text(&settlement, "provider_ref"), TransferStatus::Reversed);
        world.sweep().await;
        let (before, _) = read(&world, &shop, &id).await;
        assert_eq!((&before["state"], &before["lines_total"]), (&json!("reversed"), &eur(600)));
        assert_eq!(posted(&world, "settle_reversed", &id).await, 600);
        let next = world.request_settlement(&shop).await.expect(StatusCode::ACCEPTED);
        world.send_due().await;
        let (statement, lines) = read(&world, &shop, &text(&next, "id")).await;
        assert_eq!(told(&lines), [("adjustment", 600, "")], "{}", world.db);
        assert_eq!(statement["total"], eur(600));
        world.assert_sound().await;
    }
}
