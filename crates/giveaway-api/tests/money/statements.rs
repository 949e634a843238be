//! Statements add up to the ledger, line by line, and are safe to open in a spreadsheet.

use http::StatusCode;
use platform::provider::TransferStatus;
use serde_json::{Value, json};
use testkit::eventually;

use crate::{
    bank::Next,
    withdrawals::{payable_host, reaches, withdraw},
    world::{Alive, PATIENCE, World},
};

/// Every line of an account, read in pages of two; each page begins where the one before ended.
async fn lines(app: &Alive, host: &str, account: &str) -> Vec<Value> {
    let (mut all, mut after, mut closing) = (Vec::new(), String::new(), 0);
    loop {
        let path = format!("/wallet/statement?currency=EUR&account={account}&limit=2{after}");
        let page = app.get(host, &path).await.body;
        assert_eq!(page["opening"]["minor"], closing, "{page}");
        let items = page["items"].as_array().unwrap();
        let moved: i64 = items.iter().map(|line| line["amount"]["minor"].as_i64().unwrap()).sum();
        closing += moved;
        assert_eq!(page["closing"]["minor"], closing, "{page}");
        all.extend(items.clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

fn kinds(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["kind"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_tells_everything_and_adds_up() {
    for world in World::all().await {
        let app = world.start().await;
        let host = payable_host(&world, &app, 9_000).await;
        let mut form = world.form(2);
        form["title"] = json!("=HYPERLINK(\"evil\")");
        form["closes_at"] =
            json!((world.clock.now() + jiff::SignedDuration::from_hours(1)).to_string());
        let drafted = app.post(&host, "/giveaways", "", form).await.body;
        let id: giveaway_api::ids::GiveawayId =
            serde_json::from_value(drafted["id"].clone()).unwrap();
        app.post(&host, &format!("/giveaways/{id}/publish"), "p", json!({})).await;
        app.reaches(&host, id, "open").await;
        app.post(&host, &format!("/giveaways/{id}/cancel"), "c", json!({})).await;
        app.reaches(&host, id, "cancelled").await;
        let paid = withdraw(&app, &host, "w1", 1_000).await;
        reaches(&world, &app, &host, &paid, "paid").await;
        world.bank.turn(&paid, TransferStatus::Reversed);
        reaches(&world, &app, &host, &paid, "reversed").await;
        world.bank.next(Next::Refused);
        let refused = withdraw(&app, &host, "w2", 500).await;
        reaches(&world, &app, &host, &refused, "failed").await;
        let payment = world.bank.payment_ids().remove(0);
        world.bank.charge_back(&payment, 9_000);
        app.webhook(&format!("{payment}#back"), "genuine").await;
        eventually(PATIENCE, async || app.wallet(&host).await == (0, 0)).await;

        let available = lines(&app, &host, "available").await;
        assert_eq!(
            kinds(&available),
            [
                "top_up",
                "hold_place",
                "escrow_return",
                "escrow_return",
                "hold_place",
                "withdrawal_reversed",
                "hold_place",
                "hold_release",
                "charge_back",
            ]
        );
        assert_eq!(available[1]["giveaway_id"], id.to_string());
        assert_eq!(available[2]["giveaway_id"], id.to_string());
        assert_eq!(available[4]["withdrawal_id"], paid.as_str());
        assert_eq!(available.last().unwrap()["balance_after"]["minor"], 0);
        let held = lines(&app, &host, "held").await;
        assert_eq!(
            kinds(&held),
            [
                "hold_place",
                "hold_capture",
                "hold_place",
                "hold_capture",
                "hold_place",
                "hold_release",
            ]
        );
        assert_eq!(lines(&app, &host, "debt").await.len(), 0);

        let sheet = app.get(&host, "/wallet/statement.csv?currency=EUR").await;
        let rows: Vec<&str> = sheet.text.lines().collect();
        assert_eq!(rows.len(), available.len() + 1, "{}", sheet.text);
        assert!(rows[2].contains("'=HYPERLINK"), "a title is no formula: {}", rows[2]);
        let other = app.host().await;
        assert_eq!(lines(&app, &other, "available").await.len(), 0, "of others nothing");
        for (query, field) in [("currency=EU", "/currency"), ("currency=EUR&limit=0", "/limit")] {
            let refused = app.get(&host, &format!("/wallet/statement?{query}")).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert_eq!(refused.body["errors"][0]["pointer"], field);
        }
    }
}
