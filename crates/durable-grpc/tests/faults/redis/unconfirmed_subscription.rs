//! A connection that falls silent between its handshake and the confirmation of its subscription.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use durable_grpc::RedisStore;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
};

use crate::{
    eventually::eventually,
    redis_server::{RedisServer, is_there},
};

/// More than a command of a handshake or a subscription has.
const CHUNK: usize = 4096;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_nobody_confirms_is_made_again() {
    if !is_there("unconfirmed subscription") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = RedisServer::start(folder.path()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let accepting = tokio::spawn({
        let (asked, upstream) = (asked.clone(), server.address);
        async move {
            while let Ok((from, _)) = listener.accept().await {
                tokio::spawn(relay(from, upstream, asked.clone()));
            }
        }
    });

    let _store = RedisStore::connect(&url).await.unwrap();

    let again = async || (asked.load(Ordering::Relaxed) >= 2).then_some(());
    eventually("the subscription is made again", again).await;
    accepting.abort();
}

/// Relays both ways, but never passes the first subscription on.
async fn relay(from: TcpStream, upstream: SocketAddr, asked: Arc<AtomicUsize>) {
    let (mut from, mut answered) = from.into_split();
    let (mut answers, mut to) = TcpStream::connect(upstream).await.unwrap().into_split();
    let back = tokio::spawn(async move { copy(&mut answers, &mut answered).await });
    let mut chunk = [0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        let subscribes = chunk[..length].windows(9).any(|word| word == b"SUBSCRIBE");
        if subscribes && asked.fetch_add(1, Ordering::Relaxed) == 0 {
            continue;
        }
        if to.write_all(&chunk[..length]).await.is_err() {
            break;
        }
    }
    back.abort();
}
