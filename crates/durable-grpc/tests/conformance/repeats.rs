//! Repeats of a call that reach one callee.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use durable_grpc::{
    CALL_ID, DeadLetterFilter, RequestExt as _, Target, call_id, server::DedupLayer, store::EndKind,
};
use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Status, transport::Server};
use tower::Layer as _;

use crate::{
    callee::{Callee, Step},
    harness::{LANE, RESERVE, Rig, Stores, eventually, order, raw},
    shop::till_client::TillClient,
    targets::{Serving, endpoint, listen},
};

/// A till that stops repeats, behind a real server.
fn serve(callee: &Callee, listener: TcpListener) -> Serving {
    let routes = callee.routes();
    Serving(tokio::spawn(async move {
        let incoming = TcpListenerStream::new(listener);
        let server = Server::builder().layer(DedupLayer::default()).add_routes(routes);
        server.serve_with_incoming(incoming).await.unwrap();
    }))
}

pub(crate) async fn redelivered_calls_have_one_effect(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let (listener, address) = listen().await;
    let _serving = serve(&rig.callee, listener);
    // The worker's delivery, over its connection, is held until the repeats are there.
    let release = rig.callee.hold("tea");
    let worker = rig.worker_at(Target::remote([endpoint(address)]));
    let mut client = rig.client();
    let caller = tokio::spawn(async move {
        let mut request = Request::new(order("tea"));
        request.durable().key("k");
        client.reserve(request).await
    });
    rig.reached("tea", 1).await;
    let mut metadata = rig.callee.seen("tea").remove(0).metadata;
    metadata.remove("grpc-timeout");

    // The same call, as other workers would bring it: over two connections, many at a time.
    let channels = [Target::remote([endpoint(address)]), Target::remote([endpoint(address)])];
    let arrived = Arc::new(AtomicUsize::new(0));
    let repeats: Vec<_> = (0..64)
        .map(|number| {
            let mut client = TillClient::new(channels[number % 2].channel());
            let mut request = Request::new(order("tea"));
            *request.metadata_mut() = metadata.clone();
            let attempt = (number + 2).to_string().parse().unwrap();
            request.metadata_mut().insert("durable-attempt", attempt);
            let arrived = arrived.clone();
            tokio::spawn(async move {
                arrived.fetch_add(1, Ordering::SeqCst);
                client.reserve(request).await
            })
        })
        .collect();
    eventually("the repeats are on their way", async || {
        (arrived.load(Ordering::SeqCst) == 64).then_some(())
    })
    .await;
    // A query behind them on each connection has come through, so the repeats wait in the callee.
    for channel in &channels {
        TillClient::new(channel.channel()).reserve(order("query")).await.unwrap();
    }
    assert_eq!(rig.callee.count("tea"), 1);
    assert!(repeats.iter().all(|repeat| !repeat.is_finished()));
    release.notify_one();

    assert_eq!(caller.await.unwrap().unwrap().get_ref().text, "tea 1");
    for repeat in join_all(repeats).await {
        assert_eq!(repeat.unwrap().unwrap().get_ref().text, "tea 1");
    }
    // And whoever comes later.
    let mut late = Request::new(order("tea"));
    *late.metadata_mut() = metadata;
    let reply = TillClient::new(channels[0].channel()).reserve(late).await.unwrap();
    assert_eq!(reply.get_ref().text, "tea 1");
    assert_eq!(rig.callee.count("tea"), 1);
    worker.shutdown().await;
}

/// A relay of bytes that swallows what the callee says on the first connection, once it has answered.
async fn swallowing_first_answer(till_at: SocketAddr, answered: Callee) -> (Serving, SocketAddr) {
    let (front, address) = listen().await;
    let relay = tokio::spawn(async move {
        let mut first = true;
        while let Ok((from, _)) = front.accept().await {
            let to = TcpStream::connect(till_at).await.unwrap();
            let swallow = std::mem::replace(&mut first, false).then(|| answered.clone());
            tokio::spawn(pass(from, to, swallow));
        }
    });
    (Serving(relay), address)
}

async fn pass(from: TcpStream, to: TcpStream, swallow: Option<Callee>) {
    let ((mut ask, mut tell), (mut hear, mut say)) = (from.into_split(), to.into_split());
    let asking = async { _ = tokio::io::copy(&mut ask, &mut say).await };
    let answering = async {
        let mut buffer = vec![0; 4096];
        while let Ok(read @ 1..) = hear.read(&mut buffer).await {
            // Whatever comes after the till has executed the order is its answer. Then it is cut.
            if swallow.as_ref().is_some_and(|callee| callee.count("tea") > 0) {
                return;
            }
            if tell.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = asking => {}
        () = answering => {}
    }
}

pub(crate) async fn a_lost_answer_is_given_again(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let (listener, till_at) = listen().await;
    let _serving = serve(&rig.callee, listener);
    let (_relay, front_at) = swallowing_first_answer(till_at, rig.callee.clone()).await;
    let worker = rig.worker_at(Target::remote([endpoint(front_at)]));

    // Answered, lost, delivered again: the till has done it once.
    let reply = rig.client().reserve(order("tea")).await.unwrap();

    assert_eq!(reply.get_ref().text, "tea 1");
    assert_eq!(rig.callee.count("tea"), 1);
    assert!(reply.metadata().get(CALL_ID).is_some());
    worker.shutdown().await;
}

pub(crate) async fn a_replayed_refusal_is_judged_anew(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let routes = DedupLayer::default().layer(rig.callee.routes());
    let worker = rig.worker_at(Target::in_process(routes));
    rig.callee.plan("tea", [Step::Refuse(Status::failed_precondition("no water"))]);
    // Nobody waits for this one, so its refusal is a dead letter.
    let id = rig.calls.submit_raw(raw(RESERVE, "tea")).await.unwrap();
    assert_eq!(rig.ended(id).await, EndKind::Dead);
    let filter = DeadLetterFilter { lane: Some(LANE.to_owned()), ..Default::default() };
    assert_eq!(rig.calls.dead_letters(filter).await.unwrap().len(), 1);

    // There is water now.
    assert!(rig.calls.replay(id).await.unwrap());
    rig.reached("tea", 2).await;

    // A refusal of a call that somebody waits for, on the other hand, is its answer for good.
    let refused = Status::failed_precondition("no milk");
    rig.callee.plan("cha", [Step::Refuse(refused)]);
    for _ in 0..2 {
        let mut request = Request::new(order("cha"));
        request.durable().key("k").deadline(Duration::from_secs(10));
        let status = rig.client().reserve(request).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(call_id(&status).is_some());
    }
    assert_eq!(rig.callee.count("cha"), 1);
    worker.shutdown().await;
}
