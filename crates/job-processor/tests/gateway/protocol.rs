//! What the protocols say.

use serde_json::json;

use crate::{PATIENCE, Running, client::Client, owner::Owner};
use job_processor::gateway::GatewayConfig;
use platform::roles::Roles;

const ROOM: &str = "giveaway:a";

#[tokio::test]
async fn the_handshake_says_how_the_connection_is_kept() {
    let running = Running::start().await;
    let (_client, hello) = Client::open(&running.address).await;
    assert!(hello["sid"].as_str().is_some_and(|sid| sid.len() >= 16), "{hello}");
    assert_eq!(hello["upgrades"], json!([]), "it is on the best transport already");
    assert_eq!(
        (hello["pingInterval"].as_u64(), hello["pingTimeout"].as_u64()),
        (Some(25_000), Some(20_000))
    );
    assert_eq!(hello["maxPayload"], 8 * 1024 * 1024);
}

#[tokio::test]
async fn other_versions_and_transports_are_refused() {
    let running = Running::start().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for query in [
        "",
        "EIO=3&transport=polling",
        "EIO=abc&transport=polling",
        "EIO=4",
        "EIO=4&transport=pigeon",
        "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA",
    ] {
        let url = format!("http://{}/socket.io/?{query}", running.address);
        let status = http.get(url).send().await.unwrap().status();
        assert_eq!(status.as_u16(), 400, "{query}");
    }
}

#[tokio::test]
async fn only_the_main_namespace_is_there() {
    let running = Running::start().await;
    let (mut client, _) = Client::open(&running.address).await;
    client.send("40/admin,").await;
    while client.packet().await != r#"44/admin,{"message":"Invalid namespace"}"# {}
    client.send("40").await;
    client.is_connected().await;
}

#[tokio::test]
async fn events_are_acknowledged_and_what_cannot_be_read_is_named() {
    let running = Running::start().await;
    running.owner.open(ROOM);
    let mut client = Client::connect(&running.address).await;
    let joined = client.join(ROOM, None).await;
    assert_eq!(
        (&joined["room"], &joined["seq"], &joined["reset"]),
        (&json!(ROOM), &json!(0), &json!(false))
    );
    assert_eq!(joined["snapshot"]["entrants"], 0);
    for (name, nonsense) in [
        ("join", json!(7)),
        ("join", json!({ "seq": 1 })),
        ("join", json!([])),
        ("leave", json!(null)),
    ] {
        let answer = client.call(name, nonsense.clone()).await;
        assert_eq!(answer["error"]["code"], "bad_request", "{name} {nonsense}: {answer}");
        assert!(answer["error"]["detail"].as_str().unwrap().contains(name), "{answer}");
    }
    for none in ["giveaway:b", "giveaway", "", "room:a", &format!("giveaway:{}", "a".repeat(200))] {
        let answer = client.call("join", json!({ "room": none })).await;
        assert_eq!(answer["error"]["code"], "not_found", "{none}: {answer}");
    }
    assert_eq!(client.call("leave", json!({ "room": ROOM })).await, json!({ "ok": true }));
}

#[tokio::test]
async fn binary_data_is_taken_and_passed_over() {
    let running = Running::start().await;
    running.owner.open(ROOM);
    let mut client = Client::connect(&running.address).await;
    client.send(r#"451-["picture",{"_placeholder":true,"num":0}]"#).await;
    client.send_binary(&[1, 2, 3]).await;
    client.send(r#"42["unknown",1]"#).await;
    client.join(ROOM, None).await;
    // Nobody has us keep more than that.
    client
        .send(r#"452-["pictures",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#)
        .await;
    client.is_closed().await;
}

#[tokio::test]
async fn nonsense_ends_the_connection_and_no_other() {
    let running = Running::start().await;
    running.owner.open(ROOM);
    let mut bystander = Client::connect(&running.address).await;
    let long = format!("42{}", json!(["join", "x".repeat(20_000)]));
    for nonsense in ["", "x", "9", "4", "49", "42", "42{}", "42[", "42[7]", &long] {
        let mut client = Client::connect(&running.address).await;
        client.send(nonsense).await;
        client.is_closed().await;
    }
    bystander.join(ROOM, None).await;
}

#[tokio::test]
async fn who_does_not_answer_the_heartbeat_is_cut_off() {
    let config = GatewayConfig {
        ping_interval_seconds: 1,
        ping_timeout_seconds: 1,
        ..GatewayConfig::default()
    };
    let owner = Owner::default();
    owner.open(ROOM);
    let running = Running::with(config, owner, Roles::embedded().bus).await;
    let mut lively = Client::connect(&running.address).await;
    let mut dead = Client::connect(&running.address).await;
    let alive = async {
        for _ in 0..3 {
            while lively.packet().await != "2" {}
            lively.send("3").await;
        }
    };
    let (_, ended) = tokio::join!(alive, tokio::time::timeout(PATIENCE, dead.is_closed()));
    ended.unwrap();
    lively.join(ROOM, None).await;
}

#[tokio::test]
async fn who_leaves_the_namespace_is_gone() {
    let running = Running::start().await;
    running.owner.open(ROOM);
    let mut client = Client::connect(&running.address).await;
    client.join(ROOM, None).await;
    client.send("41").await;
    // It may come back over the same connection, and is in no room.
    client.send("40").await;
    client.is_connected().await;
    let joined = client.join(ROOM, None).await;
    assert_eq!(joined["seq"], 0);
}
