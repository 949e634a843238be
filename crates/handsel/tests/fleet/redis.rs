//! Two of each application, some of them killed.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::Stdio,
};

use serde_json::{Value, json};
use testkit::{
    eventually,
    fleet::{Application, Fleet, PATIENCE, Ports, local},
    server_database,
    watching::Watching,
};

const HANDSEL: &str = env!("CARGO_BIN_EXE_handsel");

/// The answer to a request, made again while nobody answers.
async fn ask(fleet: &Fleet, at: Ports, path: &str, token: &str, body: Option<Value>) -> Value {
    let url = format!("http://{}/api{path}", local(at.http));
    let key = uuid::Uuid::new_v4().to_string();
    eventually(PATIENCE, async || {
        let request = match &body {
            None => fleet.http().get(&url),
            Some(body) => fleet.http().post(&url).json(body).header("idempotency-key", &key),
        };
        let answer = request.bearer_auth(token).send().await.map_err(|e| e.to_string())?;
        let status = answer.status();
        let body: Value = answer.json().await.map_err(|error| error.to_string())?;
        if status.is_success() { Ok(body) } else { Err(format!("{path}: {status} {body}")) }
    })
    .await
}

/// Waits until something is in one of these states.
async fn until(fleet: &Fleet, at: Ports, path: &str, token: &str, states: &[&str]) {
    eventually(PATIENCE, async || {
        let shown = ask(fleet, at, path, token, None).await;
        let state = shown["state"].as_str().unwrap_or_default().to_owned();
        if states.contains(&state.as_str()) { Ok(()) } else { Err(shown) }
    })
    .await;
}

#[tokio::test]
async fn a_fleet_funds_a_giveaway_and_returns_it_while_processes_are_killed() {
    let Some(database) = server_database().await else { return };
    let mut fleet = Fleet::prepare(Path::new(HANDSEL), database).await;
    let running = fleet.start().await;
    let [giveaways, giftcards, processors, gateways] = running.applications.map(Vec::from);
    let (mut giveaways, mut giftcards, mut processors) = (giveaways, giftcards, processors);
    let fleet = fleet;
    let admin = fleet.admin();
    let [one, other] = [0, 1].map(|n| fleet.ports(Application::Giveaway, n));
    let tills = fleet.ports(Application::Giftcard, 0);

    // People, each by whichever instance they come to.
    let host = json!({ "name": "Ada", "email": "ada@example.org" });
    let host = ask(&fleet, one, "/giveaway/v1/hosts", &admin, Some(host)).await;
    let path = format!("/giveaway/v1/hosts/{}/tokens", host["id"].as_str().unwrap());
    let host = ask(&fleet, other, &path, &admin, Some(json!({}))).await;
    let host = host["token"].as_str().unwrap();
    let shop = json!({
        "name": "Shop", "email": "shop@example.org", "payout_destination": "acct_shop",
    });
    let shop = ask(&fleet, tills, "/giftcard/v1/merchants", &admin, Some(shop)).await;
    let path = format!("/giftcard/v1/merchants/{}/tokens", shop["id"].as_str().unwrap());
    let shop = ask(&fleet, tills, &path, &admin, Some(json!({}))).await;
    let product = json!({
        "name": "Card", "currency": "EUR", "min_minor": 100, "max_minor": 5_000,
    });
    let shop = shop["token"].as_str().unwrap();
    let product = ask(&fleet, tills, "/giftcard/v1/products", shop, Some(product)).await;

    // Money, whose arrival the bank tells.
    let amount = json!({ "amount": { "minor": 100_000, "currency": "EUR" } });
    let top_up = ask(&fleet, one, "/giveaway/v1/wallet/top-ups", host, Some(amount)).await;
    let checkout = top_up["checkout_url"].as_str().unwrap();
    let paid = fleet.http().post(checkout).form(&[("", "")]).send().await.unwrap();
    assert!(!paid.status().is_server_error() && !paid.status().is_client_error());
    let path = format!("/giveaway/v1/wallet/top-ups/{}", top_up["id"].as_str().unwrap());
    until(&fleet, other, &path, host, &["paid"]).await;

    // A giveaway, funded by calls through the queue. Half of the fleet is killed meanwhile.
    let closes_at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let value = json!({ "minor": 100, "currency": "EUR" });
    let draft = json!({
        "title": "Winter", "currency": "EUR", "alternates": 0,
        "prizes": [{ "product_id": product["id"], "value": value, "count": 400 }],
        "closes_at": closes_at.to_string(), "review_seconds": 60, "lead_seconds": 60,
        "claim_seconds": 3_600,
    });
    let giveaway = ask(&fleet, one, "/giveaway/v1/giveaways", host, Some(draft)).await;
    let path = format!("/giveaway/v1/giveaways/{}", giveaway["id"].as_str().unwrap());
    let publish = format!("{path}/publish");
    let published = ask(&fleet, one, &publish, host, Some(json!({})));
    let killed = async {
        until(&fleet, other, &path, host, &["funding", "scheduled", "open"]).await;
        drop(giftcards.pop());
        drop(processors.pop());
    };
    tokio::join!(published, killed);
    until(&fleet, other, &path, host, &["scheduled", "open"]).await;

    // And back, by the other instance: the one that took the money is gone.
    drop(giveaways.remove(0));
    ask(&fleet, other, &format!("{path}/cancel"), host, Some(json!({}))).await;
    until(&fleet, other, &path, host, &["cancelled"]).await;
    let wallet = ask(&fleet, other, "/giveaway/v1/wallet", host, None).await;
    assert_eq!(wallet["balances"][0]["held"]["minor"], 0, "{wallet}");

    // What is asked to stop ends well, and the books are right.
    for mut process in [giveaways, giftcards, processors, gateways].into_iter().flatten() {
        assert!(process.stop().await);
    }
    let report: Value = serde_json::from_slice(&fleet.audit().stdout).unwrap();
    assert_eq!(report["audit"], "clean", "{report}");
    drop(running.bank);
}

/// Runs of the story: each kill ends one of them at most, and a slow machine another.
const RUNS: usize = 8;

/// One for each way to watch, twice, so that each gateway has some.
const WATCHERS: u32 = 6;

/// Who watches sees the same as everybody else, whatever dies: each in order and without holes.
#[tokio::test]
async fn a_story_is_told_to_a_fleet_whose_processes_are_killed_and_all_see_the_same() {
    let Some(database) = server_database().await else { return };
    let mut fleet = Fleet::prepare(Path::new(HANDSEL), database).await;
    let running = fleet.start().await;
    let [
        [giveaway, _giveaway],
        [giftcard, _giftcard],
        [processor, _processor],
        [gateway, _gateway],
    ] = running.applications;
    // Each is killed as the story comes to a phase in which it has something to do.
    let mut victims = vec![
        ("redeem", giftcard),
        ("draw", gateway),
        ("entries", processor),
        // The one that the bank tells of payments.
        ("top_up", giveaway),
    ];
    let mut crowd = None;
    let mut errors = Vec::new();
    let args = ["demo", "--fleet", "fleet.json", "--data", "story", "--rows", "300", "--json"];
    for _ in 0..RUNS {
        let mut story =
            fleet.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(story.stderr.take().unwrap());
        let mut last = String::new();
        for line in said.lines().map_while(Result::ok) {
            let phase = line.strip_prefix("phase: ").unwrap_or_default();
            if phase == "publish" || phase == "entries" {
                crowd = crowd.or_else(|| watch(&fleet));
            }
            if phase == "close" {
                fleet.redis().kill();
                fleet.redis().start_again().await;
            }
            while victims.last().is_some_and(|(at, _)| *at == phase) {
                victims.pop();
            }
            last = line;
        }
        let output = story.wait_with_output().unwrap();
        if !output.status.success() {
            // What was asked of a process that died has no answer; the story goes on where it was.
            assert!(last.starts_with("error: "), "{last}");
            errors.push(last);
            continue;
        }
        assert!(victims.is_empty());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["audit"], "clean", "{report}");
        assert_eq!((&report["winners"], &report["successions"]), (&json!(20), &json!(2)));
        let seen = crowd.expect("nobody watched").seen().await;
        assert!(seen.agrees && seen.has_ended, "{:#}", seen.report);
        let winners = seen.report["clients"][0]["winners"].as_array().unwrap();
        assert_eq!(winners.len(), 22, "{winners:?}");
        return;
    }
    panic!("the story does not come to its end: {errors:#?}");
}

/// A crowd that watches the story's giveaway, once there is one.
fn watch(fleet: &Fleet) -> Option<Watching> {
    let known = std::fs::read(fleet.folder().join("story/demo.json")).ok()?;
    let known: Value = serde_json::from_slice(&known).expect("no JSON");
    let room = format!("giveaway:{}", known["giveaway"].as_str()?);
    Some(Watching::start(&fleet.gateways(), &room, WATCHERS))
}
