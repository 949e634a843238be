//! Publishing and cancelling go prize by prize: the host is told how far each is, and which failed.

use giveaway_api::ids::GiveawayId;
use http::StatusCode;
use serde_json::{Value, json};
use testkit::eventually;

use crate::{
    giftcard::Fault,
    world::{Alive, Answer, PATIENCE, World},
};

/// Two batches: fifty, and ten.
const PRIZES: u32 = 60;

async fn post(app: &Alive, host: &str, id: GiveawayId, verb: &str) -> Answer {
    app.post(host, &format!("/giveaways/{id}/{verb}"), verb, json!({})).await
}

/// How many prizes are how far, in the order of the prizes, as in `50 cancelled (refused), 10 cancelled`.
fn summary(outcomes: &Value) -> String {
    let mut runs: Vec<(String, u32)> = Vec::new();
    for unit in outcomes.as_array().unwrap() {
        assert_eq!(unit["value"], json!({"minor": 1_000, "currency": "EUR"}));
        let mut told = unit["outcome"].as_str().unwrap().to_owned();
        if let Some(refusal) = unit["refusal"].as_str() {
            told = format!("{told} ({refusal})");
        }
        match runs.last_mut() {
            Some((last, count)) if *last == told => *count += 1,
            _ => runs.push((told, 1)),
        }
    }
    runs.iter().map(|(told, count)| format!("{count} {told}")).collect::<Vec<_>>().join(", ")
}

async fn listed(app: &Alive, host: &str, id: GiveawayId) -> String {
    let answer = app.get(host, &format!("/giveaways/{id}/outcomes")).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    summary(&answer.body["items"])
}

async fn becomes(app: &Alive, host: &str, id: GiveawayId, expected: &str) {
    eventually(PATIENCE, async || {
        let told = listed(app, host, id).await;
        if told == expected { Ok(()) } else { Err(told) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_turned_back_tells_which_prizes_failed_and_why() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.rich_host(&world, 100_000).await;
        let id = app.draft(&world, &host, PRIZES).await;
        assert_eq!(listed(&app, &host, id).await, "");
        world.giftcard.fail("reserve", &[Fault::Refuse]);
        let published = post(&app, &host, id, "publish").await;
        app.reaches(&host, id, "draft").await;
        assert_eq!(published.status, StatusCode::ACCEPTED, "{published:?}");
        let refused = "cancelled (told_to: refused on purpose)";
        // The calls go in parallel: either may have come first.
        let expected =
            [format!("50 {refused}, 10 cancelled"), format!("50 cancelled, 10 {refused}")];
        let told = listed(&app, &host, id).await;
        assert!(expected.contains(&told), "{}: {told}", world.db);
        // A replay tells the same, and the next attempt is another one.
        let replayed = post(&app, &host, id, "publish").await;
        assert_eq!(replayed.status, StatusCode::ACCEPTED);
        assert_eq!(summary(&replayed.body["outcomes"]), told);
        let path = format!("/giveaways/{id}/publish");
        assert!(app.post(&host, &path, "again", json!({})).await.status.is_success());
        becomes(&app, &host, id, "60 funded").await;
        let stranger = app.rich_host(&world, 1_000).await;
        let answer = app.get(&stranger, &format!("/giveaways/{id}/outcomes")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_long_is_told_prize_by_prize() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.rich_host(&world, 100_000).await;
        let id = app.draft(&world, &host, PRIZES).await;
        world.giftcard.fail("confirm", &[Fault::Unavailable; 500]);
        let published = post(&app, &host, id, "publish").await;
        assert_eq!(published.status, StatusCode::ACCEPTED, "{published:?}");
        assert_eq!(summary(&published.body["outcomes"]), "60 confirming", "{}", world.db);
        world.giftcard.heal();
        becomes(&app, &host, id, "60 funded").await;
        // Published for good: the same key is answered with what is true now.
        assert_eq!(post(&app, &host, id, "publish").await.status, StatusCode::OK);
        world.giftcard.fail("return", &[Fault::Unavailable; 500]);
        let cancelled = post(&app, &host, id, "cancel").await;
        assert_eq!(cancelled.status, StatusCode::ACCEPTED, "{cancelled:?}");
        assert_eq!(summary(&cancelled.body["outcomes"]), "60 returning", "{}", world.db);
        world.giftcard.heal();
        app.reaches(&host, id, "cancelled").await;
        assert_eq!(listed(&app, &host, id).await, "60 returned");
    }
}
