//! Callees elsewhere, and the direct channel.

use std::{net::SocketAddr, time::Duration};

use durable_grpc::{CALL_ID, Outcome, RequestExt as _, Target, end_kind, outcome, store::EndKind};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Code, Request, Status,
    transport::{Endpoint, Server},
};

use crate::{
    callee::{Callee, Step},
    harness::{Rig, Stores, eventually, keyed, order},
    shop::till_client::TillClient,
};

/// A till behind a real server; it dies with the handle.
pub(crate) struct Serving(pub(crate) JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn serve(callee: &Callee, listener: TcpListener) -> Serving {
    let routes = callee.routes();
    Serving(tokio::spawn(async move {
        let incoming = TcpListenerStream::new(listener);
        Server::builder().add_routes(routes).serve_with_incoming(incoming).await.unwrap();
    }))
}

pub(crate) fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::from_shared(format!("http://{address}")).unwrap()
}

pub(crate) async fn a_remote_callee_answers(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let (listener, address) = listen().await;
    let _serving = serve(&rig.callee, listener);
    let worker = rig.worker_at(Target::remote([endpoint(address)]));
    // A refusal of a tonic server is all headers and no body.
    let refusal = Status::with_details(Code::NotFound, "no such tea", vec![0, 9].into());
    rig.callee.plan("cha", [Step::Refuse(refusal)]);

    let reply = rig.client().reserve(keyed("tea", "k")).await.unwrap();
    let status = rig.client().reserve(order("cha")).await.unwrap_err();

    assert_eq!(reply.get_ref().text, "tea 1");
    assert!(reply.metadata().get(CALL_ID).is_some());
    assert_eq!((status.code(), status.message()), (Code::NotFound, "no such tea"));
    assert_eq!((status.details(), outcome(&status)), (&[0, 9][..], None));
    // A tonic server that runs into the timeout it was told answers CANCELLED. It is told more than
    // the worker waits, so the worker's own timer decides.
    rig.callee.plan("slow", [Step::Hang]);
    let mut request = Request::new(order("slow"));
    request.durable().attempt_timeout(Duration::from_millis(50));
    assert_eq!(rig.client().reserve(request).await.unwrap().get_ref().text, "slow 2");
    worker.shutdown().await;
}

pub(crate) async fn calls_wait_for_a_callee_that_is_not_there(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let (listener, address) = listen().await;
    drop(listener);
    let worker = rig.worker_at(Target::remote([endpoint(address)]));
    let mut client = rig.client();
    // Not idempotent, and still tried again: there was no connection to send it over.
    let mut request = Request::new(order("tea"));
    request.durable().key("k").max_attempts(1);
    let caller = tokio::spawn(async move { client.charge(request).await });
    eventually("the call has been tried in vain", async || {
        let stats = rig.calls.stats().await.unwrap();
        (stats.first()?.later == 1).then_some(())
    })
    .await;

    let listener = TcpListener::bind(address).await.unwrap();
    let _serving = serve(&rig.callee, listener);

    assert_eq!(caller.await.unwrap().unwrap().get_ref().text, "tea 1");
    let seen = rig.callee.seen("tea").remove(0);
    assert_eq!(seen.metadata.get("durable-attempt").unwrap(), "1", "nothing was sent before");
    worker.shutdown().await;
}

pub(crate) async fn calls_are_balanced_over_endpoints(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let (one, two) = (Callee::default(), Callee::default());
    let ((first, first_at), (second, second_at)) = (listen().await, listen().await);
    let (gone, gone_at) = listen().await;
    drop(gone);
    let _serving = [serve(&one, first), serve(&two, second)];
    let endpoints = [first_at, gone_at, second_at].map(endpoint);
    let worker = rig.worker_at(Target::remote(endpoints));
    for number in 0..40 {
        let name = format!("{number}");
        assert!(rig.client().reserve(order(&name)).await.is_ok());
    }
    let count = |callee: &Callee| (0..40).map(|number| callee.count(&number.to_string())).sum();
    let (at_one, at_two): (usize, usize) = (count(&one), count(&two));
    assert!(at_one > 0 && at_two > 0, "{at_one} and {at_two}");
    assert_eq!(at_one + at_two, 40);
    worker.shutdown().await;
}

pub(crate) async fn a_lost_connection_is_retried_or_ambiguous(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    // In front of the till: a relay of bytes that can be cut while calls are on their way.
    let (till, till_at) = listen().await;
    let _serving = serve(&rig.callee, till);
    let (front, front_at) = listen().await;
    let cut = tokio_util::sync::CancellationToken::new();
    let cutting = cut.clone();
    let _front = Serving(tokio::spawn(async move {
        let mut first = true;
        while let Ok((mut from, _)) = front.accept().await {
            // Only the first connection is cut; whoever connects again is served.
            let cutting = if first { cutting.clone() } else { Default::default() };
            first = false;
            tokio::spawn(async move {
                let mut to = tokio::net::TcpStream::connect(till_at).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
                    () = cutting.cancelled() => {}
                }
            });
        }
    }));
    let worker = rig.worker_at(Target::remote([endpoint(front_at)]));
    rig.callee.plan("often", [Step::Hang]);
    rig.callee.plan("once", [Step::Hang]);
    let (mut often, mut once) = (rig.client(), rig.client());
    let often = tokio::spawn(async move { often.reserve(order("often")).await });
    let once = tokio::spawn(async move { once.charge(order("once")).await });
    rig.reached("often", 1).await;
    rig.reached("once", 1).await;

    cut.cancel();

    assert_eq!(often.await.unwrap().unwrap().get_ref().text, "often 2");
    let status = once.await.unwrap().unwrap_err();
    assert_eq!(end_kind(&status), Some(EndKind::Ambiguous));
    assert_eq!(outcome(&status), Some(Outcome::Unknown));
    assert_eq!(rig.callee.count("once"), 1);
    worker.shutdown().await;
}

pub(crate) async fn queries_go_straight_through(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let (listener, address) = listen().await;
    let _serving = serve(&rig.callee, listener);
    let in_process = Target::in_process(rig.callee.routes());
    let remote = Target::remote([endpoint(address)]);
    for (place, target) in [("in-process", in_process), ("remote", remote)] {
        let credential = http::HeaderValue::from_static("Bearer of-the-service");
        let mut client = TillClient::new(target.channel().credential(credential));
        let name = |what: &str| format!("{what} {place}");

        let reply = client.reserve(order(&name("tea"))).await.unwrap();
        assert!(reply.metadata().get(CALL_ID).is_none(), "nothing was persisted");
        let seen = rig.callee.seen(&name("tea")).remove(0);
        assert_eq!(seen.metadata.get("authorization").unwrap(), "Bearer of-the-service");

        rig.callee.plan(&name("cha"), [Step::Refuse(Status::not_found("no such tea"))]);
        let status = client.reserve(order(&name("cha"))).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::NotFound, "no such tea"));

        rig.callee.plan(&name("slow"), [Step::Hang]);
        let mut request = Request::new(order(&name("slow")));
        request.set_timeout(Duration::from_millis(50));
        let status = client.reserve(request).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);

        rig.callee.plan(&name("panic"), [Step::Panic]);
        assert!(client.reserve(order(&name("panic"))).await.is_err());
        // Streams go through as well: nothing here looks at messages.
        assert!(client.watch(order("all")).await.is_ok());
    }
    let (listener, address) = listen().await;
    drop(listener);
    let mut nobody = TillClient::new(Target::remote([endpoint(address)]).channel());
    assert_eq!(nobody.reserve(order("tea")).await.unwrap_err().code(), Code::Unavailable);
}
