//! The gateway: Socket.IO connections, and nothing else. Browsers and programs are in rooms; what happens
//! there comes from the owners' databases, in order and without holes.
//!
//! | module | what it holds |
//! |---|---|
//! | `wire` | what clients send and get |
//! | `sockets` | a connection's life: who it is, joining, leaving |
//! | `room` | one room: how far it has got, and telling everybody in it |
//! | `rooms` | the rooms that somebody here is in, kept up with their owners |
//! | `sources` | the owners of rooms: asked directly |
//! | `rights` | private rooms are left when the right is lost |
//! | `rpc` | `RealtimeService`: a room has news, for all gateways |
//!
//! **In order, without holes.** A room's events are numbered by its owner. A gateway knows how far each of
//! its rooms has got, and brings it further only by reading what comes next; whether it looks because of an
//! announcement, because half a second is over or because somebody joined is all the same. So a lost
//! announcement costs half a second, and nobody hears a later event before an earlier one.
//!
//! **Nobody waits for a slow client.** What is sent goes into a buffer per connection. One whose buffer is
//! full leaves its rooms and is told to join them again as soon as there is room for that; if it never
//! reads, its missing heartbeat ends it.

mod rights;
mod room;
mod rooms;
mod rpc;
mod sockets;
mod sources;
mod wire;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{OriginalUri, Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use contracts::processor::realtime_service_server::RealtimeServiceServer;
use durable_grpc::DirectChannel;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use platform::{
    Shutdown,
    health::Health,
    http::{Problem, Sender, cookie, sender},
    roles::{Bus, Limits, embedded::EmbeddedLimits},
    token::hash_bearer,
};
use serde::{Deserialize, Serialize};
use socketioxide::{ParserConfig, SocketIo};
use tonic::service::Routes;
use tower_http::limit::RequestBodyLimitLayer;

use self::{rooms::Rooms, rpc::Rpc, sources::Sources, wire::Draining};

/// Where clients connect: the usual path of Socket.IO.
const PATH: &str = "/socket.io/";

/// What may wait for one connection. What comes in bursts is sent in parts of a quarter of this.
const BUFFER: usize = 128;

/// The longest message that a client may send: it joins rooms, and that is short.
const MAX_MESSAGE: u16 = 16 * 1024;

/// The longest answer to a poll: as much as may wait for a connection. What does not fit into an answer is kept
/// for the next poll, and would be lost if the connection went over to WebSocket instead.
const MAX_ANSWER: u64 = 8 * 1024 * 1024;

/// Read at once from a connection; each has a buffer of this size.
const READ_BUFFER: usize = 256;

/// Who has not said which namespace it wants by then is cut off.
const CONNECT: Duration = Duration::from_secs(15);

/// How long clients have to go elsewhere before they are cut off.
const DRAIN: Duration = Duration::from_secs(4);

/// What a gateway is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatewayConfig {
    /// Connections that one gateway holds; others are sent away with 503.
    pub max_connections: usize,
    /// How often a connection is asked whether it is still there, in seconds.
    pub ping_interval_seconds: u64,
    /// How long it has to say so, in seconds.
    pub ping_timeout_seconds: u64,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self { max_connections: 20_000, ping_interval_seconds: 25, ping_timeout_seconds: 20 }
    }
}

impl GatewayConfig {
    /// Checks what can be checked.
    ///
    /// # Errors
    /// Names the key and the reason.
    pub fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.max_connections > 0, "gateway.max_connections must be at least 1");
        anyhow::ensure!(
            (1..=300).contains(&self.ping_interval_seconds),
            "gateway.ping_interval_seconds must be from 1 to 300"
        );
        anyhow::ensure!(
            (1..=300).contains(&self.ping_timeout_seconds),
            "gateway.ping_timeout_seconds must be from 1 to 300"
        );
        Ok(())
    }
}

/// What a gateway stands on.
#[derive(Clone, Debug)]
pub struct GatewayDeps {
    /// Ends it.
    pub shutdown: Shutdown,
    /// What all gateways hear.
    pub bus: Arc<dyn Bus>,
    /// Queries to giveaway-api, with the service credential.
    pub giveaway: DirectChannel,
    /// Queries to giftcard-api, with the service credential.
    pub giftcard: DirectChannel,
}

/// A gateway, ready to be served.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// `/socket.io/`
    pub router: Router,
    /// `RealtimeService`, to be put behind the verification of callers.
    pub grpc: Routes,
    state: Arc<Hub>,
}

/// What everything here works with.
pub(crate) struct Hub {
    io: SocketIo,
    rooms: Rooms,
    sources: Sources,
    bus: Arc<dyn Bus>,
    /// How often one connection may join.
    joins: Box<dyn Limits>,
    rights: rights::Rights,
    connections: Arc<AtomicUsize>,
    max_connections: usize,
    is_draining: AtomicBool,
    shutdown: Shutdown,
    /// Requested when nobody is connected any more: until then everybody hears what happens.
    over: Shutdown,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

/// Builds a gateway.
///
/// # Errors
/// When the configuration cannot work.
pub fn build(config: &GatewayConfig, deps: GatewayDeps) -> anyhow::Result<Gateway> {
    config.check()?;
    let (service, io) = SocketIo::builder()
        .ping_interval(Duration::from_secs(config.ping_interval_seconds))
        .ping_timeout(Duration::from_secs(config.ping_timeout_seconds))
        .connect_timeout(CONNECT)
        .max_buffer_size(BUFFER)
        .max_payload(MAX_ANSWER)
        .ws_max_message_size(MAX_MESSAGE.into())
        .ws_max_frame_size(MAX_MESSAGE.into())
        .ws_read_buffer_size(READ_BUFFER)
        .with_parser(
            ParserConfig::common()
                .max_incoming_binaries(1)
                .max_incoming_binary_buf_size(MAX_MESSAGE.into()),
        )
        .build_svc();
    let hub = Arc::new(Hub {
        io,
        rooms: Rooms::default(),
        sources: Sources::new(deps.giveaway, deps.giftcard),
        bus: deps.bus,
        joins: Box::new(EmbeddedLimits::default()),
        rights: rights::Rights::default(),
        connections: Arc::default(),
        max_connections: config.max_connections,
        is_draining: AtomicBool::new(false),
        shutdown: deps.shutdown,
        over: Shutdown::new(),
    });
    sockets::listen(&hub);
    let router = Router::new()
        .route_service(PATH, service)
        .layer(RequestBodyLimitLayer::new(MAX_MESSAGE.into()))
        .layer(middleware::from_fn_with_state(hub.clone(), admit));
    let grpc = Routes::new(RealtimeServiceServer::new(Rpc(hub.clone())));
    Ok(Gateway { router, grpc, state: hub })
}

impl Gateway {
    /// Starts the background loops. They end with the shutdown, and so do the connections.
    pub fn start(&self) {
        rooms::start(&self.state);
        rights::start(&self.state);
        let hub = self.state.clone();
        self.state.shutdown.spawn(async move {
            hub.shutdown.requested().await;
            hub.drain().await;
        });
    }

    /// Whether it takes connections, for `/readyz`.
    pub fn check(&self) -> Health {
        if self.state.is_draining.load(Ordering::Relaxed) {
            return Health::problem("the gateway sends its clients elsewhere");
        }
        let connections = self.state.connections.load(Ordering::Relaxed);
        if connections >= self.state.max_connections {
            let warning = format!("all {connections} connections are taken");
            return Health { warnings: vec![warning], ..Health::default() };
        }
        Health::good()
    }
}

impl Hub {
    /// Tells everybody to go elsewhere, each after a moment of its own choice, and cuts off who is left.
    async fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
        let within_ms = u32::try_from(DRAIN.as_millis()).unwrap_or(u32::MAX);
        let told = self.io.emit("draining", &Draining { within_ms }).await;
        if let Err(error) = told {
            tracing::info!(%error, "some clients were not told to go elsewhere");
        }
        let gone = async {
            while self.connections.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(DRAIN / 40).await;
            }
        };
        if tokio::time::timeout(DRAIN, gone).await.is_err() {
            let left = self.connections.load(Ordering::Relaxed);
            tracing::info!(left, "connections are cut off");
        }
        self.over.request();
        // One that does not read is not waited for.
        let closed = tokio::time::timeout(DRAIN, self.io.close()).await;
        if closed.is_err() {
            tracing::warn!("some connections did not close");
        }
    }
}

/// Headers that the protocols, or we, look at.
const HEADERS: [HeaderName; 9] = [
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::ORIGIN,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Copies what a connection keeps of the request that began it. As it was read it is a part of the server's
/// read buffer, all of which would be kept with it: sixteen kilobytes for each connection.
fn keep_little(request: &mut Request) {
    let read = std::mem::take(request.headers_mut());
    let kept = HEADERS.iter().filter_map(|name| {
        let value = HeaderValue::from_bytes(read.get(name)?.as_bytes()).ok()?;
        Some((name.clone(), value))
    });
    *request.headers_mut() = kept.collect();
    if let Ok(uri) = request.uri().to_string().parse() {
        *request.uri_mut() = uri;
    }
    request.extensions_mut().remove::<OriginalUri>();
}

/// The hash of the session of somebody who is signed in, on a page of ours.
#[derive(Clone, Copy)]
struct Session([u8; 32]);

/// Who is at the browser. A page of another site must not watch with the visitor's rights: browsers would let
/// it open a connection, and a cookie is theirs to send.
fn signed_in(headers: &HeaderMap) -> Option<Session> {
    let value = [true, false].iter().find_map(|is_secure| {
        let name = contracts::session::cookie(*is_secure);
        cookie(headers, name)
    })?;
    (sender(headers, None) == Sender::Ours).then(|| Session(hash_bearer(value)))
}

/// Sends new connections away while there are too many.
async fn admit(State(hub): State<Arc<Hub>>, mut request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let is_new = !query.split('&').any(|parameter| parameter.starts_with("sid="));
    if is_new && hub.connections.load(Ordering::Relaxed) >= hub.max_connections {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_connections")
            .detail("this gateway holds as many connections as it may; try again in a moment")
            .into_response();
    }
    let signed_in = signed_in(request.headers());
    keep_little(&mut request);
    if let Some(session) = signed_in {
        request.extensions_mut().insert(session);
    }
    next.run(request).await
}
