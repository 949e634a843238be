//! Slow clients, many connections, and the end.

use job_processor::gateway::GatewayConfig;
use platform::roles::Roles;
use serde_json::json;
use testkit::eventually;

use crate::{PATIENCE, Running, client::Client, owner::Owner};

const ROOM: &str = "giveaway:a";

#[tokio::test]
async fn a_client_that_does_not_read_is_told_to_join_again_and_slows_nobody() {
    let running = Running::start().await;
    running.owner.open(ROOM);
    let mut slow = Client::connect(&running.address).await;
    slow.join(ROOM, None).await;
    let mut quick = Client::connect(&running.address).await;
    quick.join(ROOM, None).await;
    // More than the buffers of the connection and the system take.
    let events = 6_000;
    let long = "e".repeat(2_000);
    let reading = tokio::spawn(async move {
        let long = "e".repeat(2_000);
        let seqs = quick.seqs(&long, events).await;
        (seqs, quick)
    });
    for _ in 0..events {
        running.owner.happen(ROOM, &long);
    }
    running.publish(ROOM, events as i64).await;
    let (mut seqs, _quick) = reading.await.unwrap();
    // The one that the slow one could not take came twice.
    seqs.dedup();
    let in_order = seqs.iter().zip(1..).all(|(seq, expected)| *seq == expected);
    assert!(in_order && seqs.len() + 1 >= events, "{} came", seqs.len());
    // It reads again: what was on the way, then that it has to join, and where it was.
    let mut last = 0;
    loop {
        let (name, data) = slow.event().await;
        match name.as_str() {
            "resync" => break assert_eq!(data, json!({ "room": ROOM })),
            "snapshot" => {}
            _ => last = data["seq"].as_i64().unwrap(),
        }
    }
    assert!(last < events as i64, "it was not slow");
    let joined = slow.join(ROOM, Some(last)).await;
    assert_eq!(joined["seq"], events as i64);
}

#[tokio::test]
async fn more_connections_than_it_may_hold_are_sent_away() {
    let config = GatewayConfig { max_connections: 2, ..GatewayConfig::default() };
    let owner = Owner::default();
    owner.open(ROOM);
    let running = Running::with(config, owner, Roles::embedded().bus).await;
    let mut first = Client::connect(&running.address).await;
    let second = Client::connect(&running.address).await;
    // Connected means in: its handler has run.
    first.join(ROOM, None).await;
    let url = format!("http://{}/socket.io/?EIO=4&transport=polling", running.address);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let refused = eventually(PATIENCE, async || {
        let answer = http.get(&url).send().await.unwrap();
        (answer.status().as_u16() == 503).then_some(answer)
    });
    let problem: serde_json::Value = refused.await.json().await.unwrap();
    assert_eq!(problem["code"], "too_many_connections", "{problem}");
    assert!(!running.gateway.check().warnings.is_empty());
    drop(second);
    eventually(PATIENCE, async || http.get(&url).send().await.unwrap().status().is_success()).await;
}

#[tokio::test]
async fn one_connection_joins_so_many_rooms_and_so_often() {
    let running = Running::start().await;
    let mut client = Client::connect(&running.address).await;
    for n in 0..20 {
        let room = format!("giveaway:{n}");
        running.owner.open(&room);
        client.join(&room, None).await;
    }
    running.owner.open("giveaway:20");
    let answer = client.call("join", json!({ "room": "giveaway:20" })).await;
    assert_eq!(answer["error"]["code"], "too_many_rooms", "{answer}");
    // Again into one that it is in.
    client.join("giveaway:0", None).await;
    let mut code = String::new();
    for _ in 0..60 {
        let answer = client.call("join", json!({ "room": "giveaway:0" })).await;
        code = answer["error"]["code"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!(code, "too_many_joins");
}

#[tokio::test]
async fn at_the_end_everybody_is_told_and_then_cut_off() {
    let running = Running::start().await;
    running.owner.open(ROOM);
    let mut client = Client::connect(&running.address).await;
    client.join(ROOM, None).await;
    assert!(running.gateway.check().problems.is_empty());
    running.shutdown.request();
    let draining = client.event_named("draining").await;
    assert!(draining["within_ms"].as_u64().unwrap() > 0);
    assert!(!running.gateway.check().problems.is_empty());
    client.is_closed().await;
    assert!(running.shutdown.stop().await, "something is left behind");
}
