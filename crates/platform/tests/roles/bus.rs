//! Messages to everybody who listens.

use bytes::Bytes;
use platform::roles::{Bus, Heard, Listener};
use testkit::eventually;

use super::Instances;

/// The whole suite.
pub(crate) async fn check(instances: &Instances) {
    everybody_hears_it_once(instances).await;
    channels_are_apart(instances).await;
}

async fn everybody_hears_it_once(Instances { buses: [first, second], .. }: &Instances) {
    let mut listeners = [first.listen("all").await, second.listen("all").await];
    for listener in &mut listeners {
        settle(first.as_ref(), "all", listener).await;
    }
    for n in 0..3 {
        second.send("all", Bytes::from(format!("{n}"))).await;
    }
    for listener in &mut listeners {
        for n in 0..3 {
            assert_eq!(next(listener).await, Bytes::from(format!("{n}")));
        }
    }
}

async fn channels_are_apart(Instances { buses: [first, second], .. }: &Instances) {
    let mut listener = first.listen("this").await;
    settle(second.as_ref(), "this", &mut listener).await;
    second.send("that", Bytes::from_static(b"that")).await;
    second.send("this", Bytes::from_static(b"this")).await;
    assert_eq!(next(&mut listener).await, Bytes::from_static(b"this"));
}

/// Sends until something is heard: who has just begun to listen may hear nothing yet.
pub(crate) async fn settle(bus: &dyn Bus, channel: &str, listener: &mut Listener) {
    eventually(super::PATIENCE, async || {
        bus.send(channel, Bytes::from_static(b"?")).await;
        let heard = tokio::time::timeout(std::time::Duration::from_millis(100), listener.hear());
        heard.await.is_ok()
    })
    .await;
}

/// The next message that is no question of [`settle`].
async fn next(listener: &mut Listener) -> Bytes {
    loop {
        match listener.hear().await {
            Some(Heard::Message(message)) if message[..] == *b"?" => {}
            Some(Heard::Message(message)) => return message,
            Some(Heard::Missed) => {}
            None => panic!("nothing is heard any more"),
        }
    }
}

#[tokio::test]
async fn embedded() {
    check(&Instances::embedded()).await;
}
