//! A client of the protocols, packet by packet, so that tests see what goes over the wire.

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use crate::PATIENCE;

/// A connection over WebSocket.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    acks: u64,
    /// Events that came while something else was waited for.
    waiting: std::collections::VecDeque<(String, Value)>,
}

impl Client {
    /// Opens the connection; the server's first packet is returned.
    pub(crate) async fn open(address: &str) -> (Self, Value) {
        Self::open_with(address, &[]).await
    }

    /// The same, with headers as a browser sends them.
    pub(crate) async fn open_with(
        address: &str,
        headers: &[(&'static str, &str)],
    ) -> (Self, Value) {
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = connect_async(request).await.unwrap();
        let mut client = Self { socket, acks: 0, waiting: Default::default() };
        let open = client.packet().await;
        let hello = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
        (client, hello)
    }

    /// Opens it, and connects to the namespace that everything is in.
    pub(crate) async fn connect(address: &str) -> Self {
        Self::connect_as(address, None).await
    }

    /// The same, with a token.
    pub(crate) async fn connect_as(address: &str, token: Option<&str>) -> Self {
        let (mut client, _) = Self::open(address).await;
        let auth = token.map(|token| json!({ "token": token }).to_string()).unwrap_or_default();
        client.send(&format!("40{auth}")).await;
        client.is_connected().await;
        client
    }

    /// Waits until it is in the namespace.
    pub(crate) async fn is_connected(&mut self) {
        loop {
            let packet = self.packet().await;
            if packet.starts_with("40{\"sid\":") {
                return;
            }
            assert_eq!(self.take(&packet).await, None, "{packet}");
        }
    }

    /// Sends a packet.
    pub(crate) async fn send(&mut self, packet: &str) {
        self.socket.send(Message::text(packet)).await.unwrap();
    }

    /// Sends binary data.
    pub(crate) async fn send_binary(&mut self, data: &'static [u8]) {
        self.socket.send(Message::binary(data)).await.unwrap();
    }

    /// The next packet; heartbeats too.
    pub(crate) async fn packet(&mut self) -> String {
        self.try_packet().await.expect("the connection is closed")
    }

    /// The next packet; none once the connection is closed.
    pub(crate) async fn try_packet(&mut self) -> Option<String> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            match next.expect("nothing comes")? {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Waits for the end.
    pub(crate) async fn is_closed(&mut self) {
        while self.try_packet().await.is_some() {}
    }

    /// The next event; heartbeats are answered.
    pub(crate) async fn event(&mut self) -> (String, Value) {
        if let Some(event) = self.waiting.pop_front() {
            return event;
        }
        loop {
            let packet = self.packet().await;
            if let Some(event) = self.take(&packet).await {
                return event;
            }
        }
    }

    /// The next event of this name; others are passed over.
    pub(crate) async fn event_named(&mut self, name: &str) -> Value {
        loop {
            let (found, data) = self.event().await;
            if found == name {
                return data;
            }
        }
    }

    /// Numbers of the next `count` events with this name.
    pub(crate) async fn seqs(&mut self, name: &str, count: usize) -> Vec<i64> {
        let mut seqs = Vec::new();
        while seqs.len() < count {
            seqs.push(self.event_named(name).await["seq"].as_i64().unwrap());
        }
        seqs
    }

    /// Emits an event, and returns what it is acknowledged with. Events that come before are kept.
    pub(crate) async fn call(&mut self, name: &str, data: Value) -> Value {
        let ack = self.acks;
        self.acks += 1;
        self.send(&format!("42{ack}{}", json!([name, data]))).await;
        let prefix = format!("43{ack}");
        loop {
            let packet = self.packet().await;
            if let Some(answer) = packet.strip_prefix(&prefix) {
                let mut answer: Vec<Value> = serde_json::from_str(answer).unwrap();
                return answer.remove(0);
            }
            if let Some(event) = self.take(&packet).await {
                self.waiting.push_back(event);
            }
        }
    }

    /// Joins a room that there is.
    pub(crate) async fn join(&mut self, room: &str, seq: Option<i64>) -> Value {
        let answer = self.call("join", json!({ "room": room, "seq": seq })).await;
        assert_eq!(answer["ok"], true, "{answer}");
        answer
    }

    async fn take(&mut self, packet: &str) -> Option<(String, Value)> {
        if packet == "2" {
            self.send("3").await;
            return None;
        }
        let event = packet.strip_prefix("42")?;
        let mut event: Vec<Value> = serde_json::from_str(event).unwrap();
        let data = event.pop().unwrap();
        Some((event[0].as_str().unwrap().to_owned(), data))
    }
}
