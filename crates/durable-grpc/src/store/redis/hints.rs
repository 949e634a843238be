//! The one subscription of a process: the ends that it waits for, and cancellations.
//!
//! Messages may be lost while there is no connection. After each subscription everyone who waits is
//! looked up, and once a second whoever has waited for a while.

use std::{sync::Weak, time::Duration};

use futures::StreamExt as _;
use redis::aio::PubSub;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::{Shared, codec::decode_told};
use crate::id::CallId;

/// The pause after a failed subscription, up to twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the server is asked for a sign of life: a half-open connection tells nothing by itself.
const PING: Duration = Duration::from_secs(5);
/// How long the sign of life, or the confirmation of a subscription, may take.
const PONG: Duration = Duration::from_secs(2);

/// Runs until the store is gone.
pub(super) async fn listen(shared: Weak<Shared>) {
    loop {
        let Some(strong) = shared.upgrade() else { return };
        match subscribe(&strong).await {
            Ok(subscription) => {
                strong.tell(|watcher| watcher.resync());
                drop(strong);
                hear(&shared, subscription).await;
            }
            Err(error) => {
                drop(strong);
                tracing::debug!(%error, "no subscription");
                sleep(PAUSE.mul_f64(1.0 + rand::random::<f64>())).await;
            }
        }
    }
}

async fn subscribe(shared: &Shared) -> Result<PubSub, redis::RedisError> {
    let mut subscription = shared.link.subscriber().await?;
    let own = format!("{}{}", shared.ends_prefix(), shared.process);
    let channels = [own, shared.cancel_channel()];
    // A connection may fall silent at any moment, and nothing else would notice that it did here.
    match timeout(PONG, subscription.subscribe(&channels)).await {
        Ok(subscribed) => subscribed.map(|()| subscription),
        Err(_) => {
            Err(redis::RedisError::from((redis::ErrorKind::Io, "subscription is not confirmed")))
        }
    }
}

async fn hear(shared: &Weak<Shared>, subscription: PubSub) {
    let (mut sink, mut messages) = subscription.split();
    let mut pings = interval(PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = messages.next() => {
                let (Some(message), Some(shared)) = (message, shared.upgrade()) else { return };
                let payload = message.get_payload_bytes();
                if message.get_channel_name() == shared.cancel_channel() {
                    let id = std::str::from_utf8(payload).ok().and_then(|id| id.parse().ok());
                    let ids: Vec<CallId> = id.into_iter().collect();
                    shared.tell(|watcher| watcher.cancelled(ids.clone()));
                } else if let Some(ended) = decode_told(payload.to_vec().into()) {
                    shared.tell(|watcher| watcher.ended(ended.clone()));
                }
            }
            _ = pings.tick() => {
                if shared.strong_count() == 0
                    || !matches!(timeout(PONG, sink.ping::<redis::Value>()).await, Ok(Ok(_)))
                {
                    return;
                }
            }
        }
    }
}
