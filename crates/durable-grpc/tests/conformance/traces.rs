//! One trace through caller, worker and callee.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, OnceLock},
};

use durable_grpc::{
    Calls, RawCall, Target,
    server::{TraceLayer, VerifyLayer},
};
use prost::Message as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, service::Routes, transport::Server};
use tower::Layer as _;
use tracing::{field::Field, span};
use tracing_subscriber::{Layer, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::{
    harness::{LANE, RESERVE, Rig, Stores, eventually, order},
    shop::{
        Order, Receipt,
        till_client::TillClient,
        till_server::{Till, TillServer},
    },
    targets::{Serving, endpoint, listen},
};

/// A span that was opened, with what it says of itself.
type Opened = HashMap<String, String>;

static OPENED: Mutex<Vec<Opened>> = Mutex::new(Vec::new());

/// Writes every span of this process down. Tests look for those of their own traces.
struct Capture;

impl<S: tracing::Subscriber> Layer<S> for Capture {
    fn on_new_span(
        &self,
        attributes: &span::Attributes<'_>,
        _: &span::Id,
        _: tracing_subscriber::layer::Context<'_, S>,
    ) {
        if attributes.metadata().target() != "durable_grpc::trace" {
            return;
        }
        let mut opened = Opened::new();
        opened.insert("name".to_owned(), attributes.metadata().name().to_owned());
        attributes.record(&mut Fields(&mut opened));
        OPENED.lock().unwrap().push(opened);
    }
}

struct Fields<'a>(&'a mut Opened);

impl tracing::field::Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

fn capture() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| tracing_subscriber::registry().with(Capture).init());
}

fn spans_of(trace_id: &str) -> Vec<Opened> {
    let opened = OPENED.lock().unwrap();
    opened.iter().filter(|span| span["trace_id"] == trace_id).cloned().collect()
}

/// The one span of this name.
fn the<'a>(spans: &'a [Opened], name: &str) -> &'a Opened {
    let named: Vec<_> = spans.iter().filter(|span| span["name"] == name).collect();
    assert_eq!(named.len(), 1, "{name} among {spans:#?}");
    named[0]
}

pub(crate) async fn caller_worker_and_callee_share_a_trace(stores: impl Stores) {
    capture();
    let rig = Rig::new(&stores).await;
    let (listener, address) = listen().await;
    let routes = rig.callee.routes();
    let _serving = Serving(tokio::spawn(async move {
        let incoming = TcpListenerStream::new(listener);
        let server = Server::builder().layer(TraceLayer).add_routes(routes);
        server.serve_with_incoming(incoming).await.unwrap();
    }));
    let in_process = Target::in_process(TraceLayer.layer(rig.callee.routes()));
    for target in [in_process, Target::remote([endpoint(address)])] {
        let worker = rig.worker_at(target);
        let trace_id = uuid::Uuid::new_v4().simple().to_string();
        let mut request = Request::new(order("tea"));
        let sent = format!("00-{trace_id}-00f067aa0ba902b7-01").parse().unwrap();
        request.metadata_mut().insert("traceparent", sent);
        request.metadata_mut().insert("x-tenant", "secret-tenant".parse().unwrap());

        let reply = rig.client().reserve(request).await.unwrap();

        let spans = spans_of(&trace_id);
        assert_eq!(spans.len(), 3, "{spans:#?}");
        let names = ["durable.call", "durable.attempt", "durable.handle"];
        let [call, attempt, handle] = names.map(|name| the(&spans, name));
        assert_eq!(call["parent_id"], "00f067aa0ba902b7");
        assert_eq!(attempt["parent_id"], call["span_id"]);
        assert_eq!(handle["parent_id"], attempt["span_id"]);
        assert_ne!(handle["span_id"], attempt["span_id"]);
        for span in [call, attempt, handle] {
            let id = reply.metadata().get(durable_grpc::CALL_ID).unwrap();
            assert_eq!(*id, *span["call_id"]);
            assert_eq!((&*span["method"], &*span["lane"]), (RESERVE, LANE));
            assert!(!span.values().any(|value| value.contains("secret")), "{span:?}");
        }
        assert_eq!((&*attempt["attempt"], &*handle["attempt"]), ("1", "1"));
        worker.shutdown().await;
    }
    // Nobody has to begin: a call without a trace has one of its own.
    let worker = rig.worker_at(Target::in_process(TraceLayer.layer(rig.callee.routes())));
    rig.client().reserve(order("cha")).await.unwrap();
    let metadata = rig.callee.seen("cha").remove(0).metadata;
    let sent = metadata.get("traceparent").unwrap().to_str().unwrap();
    let spans = spans_of(&sent[3..35]);
    assert_eq!(spans.len(), 3, "{spans:#?}");
    assert_eq!(the(&spans, "durable.call").get("parent_id"), None);
    worker.shutdown().await;
}

/// A till that orders at the next one, without a word about traces.
struct Intermediary(Calls);

#[tonic::async_trait]
impl Till for Intermediary {
    async fn reserve(&self, request: Request<Order>) -> Result<Response<Receipt>, Status> {
        let message = request.into_inner().encode_to_vec();
        // Persisted, not awaited: a handler of a lane must not wait for another call.
        self.0.submit_raw(RawCall::new(LANE, RESERVE, message)).await?;
        Ok(Response::new(Receipt::default()))
    }

    async fn charge(&self, _: Request<Order>) -> Result<Response<Receipt>, Status> {
        Err(Status::unimplemented("not here"))
    }

    type WatchStream = futures::stream::Empty<Result<Receipt, Status>>;

    async fn watch(&self, _: Request<Order>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

pub(crate) async fn calls_made_by_a_handler_join_its_trace(stores: impl Stores) {
    capture();
    let rig = Rig::new(&stores).await;
    let worker = rig.worker_at(Target::in_process(TraceLayer.layer(rig.callee.routes())));
    let first = Routes::new(TillServer::new(Intermediary(rig.calls.clone())));
    // The whole stack, so that the layers are seen to fit together.
    let first = VerifyLayer::new([]).layer(TraceLayer.layer(first));
    let first = Target::in_process(first);
    let trace_id = uuid::Uuid::new_v4().simple().to_string();
    let mut request = Request::new(order("tea"));
    let sent = format!("00-{trace_id}-00f067aa0ba902b7-01").parse().unwrap();
    request.metadata_mut().insert("traceparent", sent);

    // A query into the first till makes a durable call to the second.
    TillClient::new(first.channel()).reserve(request).await.unwrap();

    let executed = async || (rig.callee.count("tea") == 1).then_some(());
    eventually("the second till has the order", executed).await;
    let spans = spans_of(&trace_id);
    assert_ne!(the(&spans, "durable.call")["parent_id"], "00f067aa0ba902b7");
    let call = &the(&spans, "durable.call")["span_id"];
    assert_eq!(the(&spans, "durable.attempt")["parent_id"], *call);
    assert_eq!(the(&spans, "durable.handle")["call_id"], the(&spans, "durable.call")["call_id"]);
    worker.shutdown().await;
}
