//! All roles on Redis, and while it is away.

use std::{num::NonZeroU32, time::Duration};

use bytes::Bytes;
use platform::roles::{Cache, Heard, Hold, Quota, Roles};
use testkit::{RedisServer, eventually};

use super::{Instances, bus, cache, leases, limits};

const HOUR: Duration = Duration::from_secs(3600);

const LIMIT: Duration = Duration::from_secs(20);

const TWO: Quota = Quota::new("away", NonZeroU32::new(2).unwrap(), HOUR);

#[tokio::test]
async fn limits() {
    let server = RedisServer::start().await;
    limits::check(&Instances::redis(&server.url())).await;
}

#[tokio::test]
async fn leases() {
    let server = RedisServer::start().await;
    leases::check(&Instances::redis(&server.url())).await;
}

#[tokio::test]
async fn bus() {
    let server = RedisServer::start().await;
    bus::check(&Instances::redis(&server.url())).await;
}

#[tokio::test]
async fn cache() {
    let server = RedisServer::start().await;
    cache::check(&Instances::redis(&server.url())).await;
}

#[tokio::test]
async fn while_it_is_away_everything_is_read() {
    let mut server = RedisServer::start().await;
    let Instances { stores: [store, _], .. } = Instances::redis(&server.url());
    let cache = Cache::on(store);
    let ask = async |n: u32| cache.remember("key", HOUR, async || anyhow::Ok(n)).await.unwrap();
    assert_eq!((ask(1).await, ask(2).await), (1, 1));
    server.kill();
    cache.forget(&["key".to_owned()]).await;
    assert_eq!((ask(3).await, ask(4).await), (3, 4));
    server.start_again().await;
    let kept = eventually(LIMIT, async || {
        let kept = ask(5).await;
        (ask(6).await == kept).then_some(kept)
    });
    kept.await;
}

#[tokio::test]
async fn who_listened_while_it_was_away_is_told_so_and_hears_again() {
    let mut server = RedisServer::start().await;
    let Instances { buses: [first, second], .. } = Instances::redis(&server.url());
    let mut listener = first.listen("away").await;
    bus::settle(second.as_ref(), "away", &mut listener).await;
    server.kill();
    second.send("away", Bytes::from_static(b"lost")).await;
    server.start_again().await;
    while listener.hear().await != Some(Heard::Missed) {}
    bus::settle(second.as_ref(), "away", &mut listener).await;
}

#[tokio::test]
async fn while_it_is_away_each_counts_alone_and_nobody_knows_who_holds() {
    let mut server = RedisServer::start().await;
    let Instances { limits: [first, second], leases: [holder, other], .. } =
        Instances::redis(&server.url());
    for limits in [&first, &second] {
        limits.attempt(&TWO, "used up").await.unwrap();
    }
    assert!(matches!(holder.hold("away", HOUR).await, Hold::Ours(_)));

    server.kill();
    for limits in [&first, &second] {
        limits.attempt(&TWO, "key").await.unwrap();
        limits.attempt(&TWO, "key").await.unwrap();
        limits.attempt(&TWO, "key").await.unwrap_err();
        limits.look(&TWO, "key").await.unwrap_err();
    }
    assert_eq!(holder.hold("away", HOUR).await, Hold::Unknown);

    server.start_again().await;
    let back = eventually(LIMIT, async || match other.hold("away", HOUR).await {
        Hold::Unknown => None,
        hold => Some(hold),
    });
    assert_eq!(back.await, Hold::Others, "it is still held");
    // Nobody but the server knows that.
    eventually(LIMIT, async || second.look(&TWO, "used up").await.is_err()).await;
}

#[tokio::test]
async fn what_is_no_server_is_refused_and_not_repeated() {
    let error = Roles::redis("postgres://user:password@host/0").unwrap_err();
    assert!(!format!("{error:?}").contains("password"), "{error:?}");
    // One that is not there is only away.
    let roles = Roles::redis("redis://127.0.0.1:1/0").unwrap();
    assert_eq!(roles.leases.hold("name", HOUR).await, Hold::Unknown);
    roles.limits.attempt(&TWO, "key").await.unwrap();
}
