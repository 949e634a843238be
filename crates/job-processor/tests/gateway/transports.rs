//! Polling, WebSocket, and the step from one to the other.

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::Running;

const ROOM: &str = "giveaway:a";

/// Packets of one answer are divided by this.
const SEPARATOR: char = '\u{1e}';

struct Polling {
    http: reqwest::Client,
    url: String,
    sid: String,
}

impl Polling {
    async fn open(address: &str) -> (Self, Value) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{address}/socket.io/?EIO=4&transport=polling");
        let opened = http.get(&url).send().await.unwrap().text().await.unwrap();
        let hello: Value = serde_json::from_str(opened.strip_prefix('0').unwrap()).unwrap();
        let sid = hello["sid"].as_str().unwrap().to_owned();
        (Self { http, url, sid }, hello)
    }

    fn url(&self) -> String {
        format!("{}&sid={}", self.url, self.sid)
    }

    async fn post(&self, packets: &str) -> u16 {
        let sent = self.http.post(self.url()).body(packets.to_owned()).send().await.unwrap();
        sent.status().as_u16()
    }

    async fn poll(&self) -> Vec<String> {
        let answer = self.http.get(self.url()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        answer.text().await.unwrap().split(SEPARATOR).map(str::to_owned).collect()
    }

    /// Polls until a packet begins like this.
    async fn poll_for(&self, prefix: &str) -> String {
        loop {
            let packets = self.poll().await;
            if let Some(packet) = packets.into_iter().find(|packet| packet.starts_with(prefix)) {
                return packet;
            }
        }
    }
}

#[tokio::test]
async fn everything_works_over_polling() {
    let running = Running::start().await;
    running.owner.open(ROOM);
    let (polling, hello) = Polling::open(&running.address).await;
    assert_eq!(hello["upgrades"], json!(["websocket"]));
    assert_eq!(polling.post("40").await, 200);
    polling.poll_for("40{").await;
    let join = format!("420{}", json!(["join", { "room": ROOM }]));
    assert_eq!(polling.post(&join).await, 200);
    polling.poll_for("430").await;
    let seq = running.owner.happen(ROOM, "phase");
    running.publish(ROOM, seq).await;
    let phase = polling.poll_for(r#"42["phase""#).await;
    assert!(phase.contains(r#""seq":1"#), "{phase}");
    // Several packets in one request.
    assert_eq!(
        polling.post(&format!("3{SEPARATOR}421{}", json!(["leave", { "room": ROOM }]))).await,
        200
    );
    polling.poll_for("431").await;
}

#[tokio::test]
async fn what_is_too_long_or_nonsense_ends_a_polling_connection() {
    let running = Running::start().await;
    for (body, status) in [("x".repeat(20_000), 413), ("x".to_owned(), 400)] {
        let (polling, _) = Polling::open(&running.address).await;
        assert_eq!(polling.post(&body).await, status, "{} bytes", body.len());
        let after = polling.http.get(polling.url()).send().await.unwrap();
        if status == 400 {
            assert_eq!(after.status().as_u16(), 400);
        }
    }
}

#[tokio::test]
async fn a_connection_steps_from_polling_to_websocket_and_misses_nothing() {
    let running = Running::start().await;
    running.owner.open(ROOM);
    let (polling, _) = Polling::open(&running.address).await;
    polling.post("40").await;
    polling.poll_for("40{").await;
    polling.post(&format!("420{}", json!(["join", { "room": ROOM }]))).await;
    polling.poll_for("430").await;

    let url = format!(
        "ws://{}/socket.io/?EIO=4&transport=websocket&sid={}",
        running.address, polling.sid
    );
    let (mut socket, _) = connect_async(url).await.unwrap();
    socket.send(Message::text("2probe")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("3probe"));
    // Something happens while it is on neither.
    let seq = running.owner.happen(ROOM, "phase");
    running.publish(ROOM, seq).await;
    let polled = polling.poll().await;
    socket.send(Message::text("5")).await.unwrap();
    if polled.iter().any(|packet| packet.contains("phase")) {
        return;
    }
    loop {
        let Message::Text(packet) = socket.next().await.unwrap().unwrap() else { continue };
        if packet.starts_with(r#"42["phase""#) {
            break;
        }
    }
}

/// More than one answer to a poll usually holds waits for the client, which then goes over to WebSocket.
#[tokio::test]
async fn much_that_was_missed_is_not_lost_on_the_way_to_websocket() {
    let running = Running::start().await;
    running.owner.open(ROOM);
    let name = "e".repeat(400);
    for _ in 0..100 {
        running.owner.happen(ROOM, &name);
    }
    let (polling, _) = Polling::open(&running.address).await;
    polling.post("40").await;
    polling.poll_for("40{").await;
    polling.post(&format!("420{}", json!(["join", { "room": ROOM, "seq": 0 }]))).await;
    let mut packets = polling.poll().await;

    let url = format!(
        "ws://{}/socket.io/?EIO=4&transport=websocket&sid={}",
        running.address, polling.sid
    );
    let (mut socket, _) = connect_async(url).await.unwrap();
    socket.send(Message::text("2probe")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("3probe"));
    socket.send(Message::text("5")).await.unwrap();
    while !packets.iter().any(|packet| packet.starts_with("430")) {
        let Message::Text(packet) = socket.next().await.unwrap().unwrap() else { continue };
        packets.push(packet.to_string());
    }
    let seqs: Vec<i64> = packets
        .iter()
        .filter_map(|packet| packet.strip_prefix("42"))
        .filter_map(|event| {
            serde_json::from_str::<Vec<Value>>(event).unwrap()[1]["data"]["n"].as_i64()
        })
        .collect();
    assert_eq!(seqs, (1..=100).collect::<Vec<_>>());
}
