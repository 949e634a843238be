//! Messages through Redis.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use redis::{Cmd, RedisResult};

use super::{
    super::{Bus, Heard, Listener, bus::Ear},
    Link,
};

/// A server that is silent for so long is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(2);

/// How long it has to say so, and how long a connection may take.
const ANSWER: Duration = Duration::from_secs(2);

/// After a connection was lost the next is tried in so long.
const PAUSE: Duration = Duration::from_millis(250);

/// [`Bus`] of all instances together.
#[derive(Debug)]
pub struct RedisBus {
    link: Arc<Link>,
}

impl RedisBus {
    /// Messages through a server.
    pub fn new(link: Arc<Link>) -> Self {
        Self { link }
    }
}

#[async_trait]
impl Bus for RedisBus {
    async fn send(&self, channel: &str, message: Bytes) {
        let mut publish = Cmd::new();
        publish.arg("PUBLISH").arg(name(channel)).arg(&message[..]);
        let _heard_by: Option<i64> = self.link.command(&publish).await;
    }

    async fn listen(&self, channel: &str) -> Listener {
        let (mut ear, listener) = Listener::new();
        let (link, name) = (self.link.clone(), name(channel));
        tokio::spawn(async move {
            let mut was_away = false;
            while let Err(error) = listen(&link, &name, &mut ear, &mut was_away).await {
                if !std::mem::replace(&mut was_away, true) {
                    tracing::warn!(%error, "redis cannot be used: messages are not heard");
                }
                if ear.is_gone() {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        listener
    }
}

/// Listens until nobody wants to hear any more; fails when the connection is lost.
async fn listen(link: &Link, name: &str, ear: &mut Ear, was_away: &mut bool) -> RedisResult<()> {
    let subscribing = async {
        let (mut sink, stream) = link.client().get_async_pubsub().await?.split();
        sink.subscribe(name).await?;
        RedisResult::Ok((sink, stream))
    };
    let (mut sink, mut stream) = in_time(subscribing).await?;
    if std::mem::take(was_away) {
        tracing::info!("redis can be used again: messages are heard");
        ear.tell(Heard::Missed);
    }
    while !ear.is_gone() {
        match tokio::time::timeout(SILENCE, stream.next()).await {
            Ok(Some(message)) => {
                ear.tell(Heard::Message(Bytes::copy_from_slice(message.get_payload_bytes())));
            }
            Ok(None) => return Err((redis::ErrorKind::Io, "the connection is lost").into()),
            Err(_) => in_time(sink.ping::<redis::Value>()).await.map(drop)?,
        }
    }
    Ok(())
}

async fn in_time<T>(work: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    let late = |_| Err((redis::ErrorKind::Io, "no answer in time").into());
    tokio::time::timeout(ANSWER, work).await.unwrap_or_else(late)
}

fn name(channel: &str) -> String {
    format!("handsel:bus:{channel}")
}
