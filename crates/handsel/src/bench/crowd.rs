//! The further processes of `bench gateway`: the gateway with a room that tells the time, and the crowd in it.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use contracts::{
    processor::{PublishRequest, realtime_service_client::RealtimeServiceClient},
    realtime::{
        AdmitToRoomsRequest, AdmitToRoomsResponse, ReadRoomsRequest, ReadRoomsResponse, RoomEvent,
        RoomPosition, RoomState,
        room_service_server::{RoomService, RoomServiceServer},
    },
};
use durable_grpc::Target;
use futures::{SinkExt as _, StreamExt as _, stream};
use hdrhistogram::Histogram;
use job_processor::gateway::{GatewayConfig, GatewayDeps, build};
use platform::{
    Shutdown,
    http::{TrustedProxies, serve},
    roles::Roles,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{Role, WebSocketConfig},
    },
};
use tonic::{Request, Response, Status, service::Routes};

use super::{gateway::Heard, part::let_go};
use crate::out;

const ROOM: &str = "giveaway:bench";

/// Connections that are being opened at a time.
const AT_ONCE: usize = 64;

/// After everybody is in, what opening them has cost settles.
const REST: Duration = Duration::from_secs(2);

/// The longest that an event may take to be counted right: a minute in microseconds.
const LONGEST_US: u64 = 60_000_000;

/// An owner with one room, in which the time is told.
#[derive(Clone, Default)]
struct Ticker(Arc<Mutex<Vec<RoomEvent>>>);

impl Ticker {
    fn tick(&self) -> i64 {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = i64::try_from(events.len()).unwrap_or(i64::MAX) + 1;
        let at_us = now_us();
        let data = format!("{{\"n\":{seq},\"at_us\":{at_us}}}");
        let at_ms = i64::try_from(at_us / 1_000).unwrap_or_default();
        events.push(RoomEvent { seq, name: "tick".to_owned(), data, at_ms });
        seq
    }
}

#[tonic::async_trait]
impl RoomService for Ticker {
    async fn read_rooms(
        &self,
        request: Request<ReadRoomsRequest>,
    ) -> Result<Response<ReadRoomsResponse>, Status> {
        let after = request.into_inner().after;
        let events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = events.last().map_or(0, |last| last.seq);
        let state = |at: RoomPosition| RoomState {
            events: events
                .iter()
                .filter(|event| event.seq > at.seq && at.seq >= 0)
                .cloned()
                .collect(),
            room: at.room,
            seq,
            has_gap: false,
            snapshot: "{}".to_owned(),
        };
        let server_time_ms = i64::try_from(now_us() / 1_000).unwrap_or_default();
        let rooms = after.into_iter().map(state).collect();
        Ok(Response::new(ReadRoomsResponse { rooms, server_time_ms }))
    }

    async fn admit_to_rooms(
        &self,
        _: Request<AdmitToRoomsRequest>,
    ) -> Result<Response<AdmitToRoomsResponse>, Status> {
        Ok(Response::new(AdmitToRoomsResponse::default()))
    }
}

/// A gateway as it is deployed, with one room. Says its address.
pub(super) async fn gateway(every: Duration) -> anyhow::Result<()> {
    let shutdown = Shutdown::new();
    let ticker = Ticker::default();
    let owner = Target::in_process(Routes::new(RoomServiceServer::new(ticker.clone())));
    let deps = GatewayDeps {
        shutdown: shutdown.clone(),
        bus: Roles::embedded().bus,
        giveaway: owner.channel(),
        giftcard: owner.channel(),
    };
    let config = GatewayConfig { max_connections: 100_000, ..GatewayConfig::default() };
    let gateway = build(&config, deps)?;
    gateway.start();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    out::line(listener.local_addr()?);
    serve(listener, gateway.router.clone(), TrustedProxies::default(), &shutdown);
    let mut announced =
        RealtimeServiceClient::new(Target::in_process(gateway.grpc.clone()).channel());
    let ticking = async {
        let mut ticks = tokio::time::interval(every);
        loop {
            ticks.tick().await;
            let rooms = vec![RoomPosition { room: ROOM.to_owned(), seq: ticker.tick() }];
            announced.publish(PublishRequest { rooms }).await?;
        }
    };
    tokio::select! {
        ended = ticking => ended,
        () = let_go() => Ok(()),
    }
}

/// Opens connections, listens for so long, and says what was heard. The server's process is looked at before
/// and after.
pub(super) async fn crowd(
    address: &str,
    connections: u32,
    time: Duration,
    server: u32,
) -> anyhow::Result<()> {
    let before = resident(server)?;
    let heard = Arc::new(Mutex::new(Histogram::<u64>::new_with_bounds(1, LONGEST_US, 3)?));
    let (listens, is_listening) = watch::channel(false);
    let opened: Vec<_> = stream::iter(0..connections)
        .map(|_| open(address))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .collect::<anyhow::Result<_>>()
        .context("a connection cannot be opened; more may need a higher `ulimit -n`")?;
    let all: Vec<_> = opened
        .into_iter()
        .map(|socket| tokio::spawn(listen(socket, is_listening.clone(), heard.clone())))
        .collect();
    tokio::time::sleep(REST).await;
    let after = resident(server)?;
    listens.send(true)?;
    tokio::time::sleep(time).await;
    listens.send(false)?;
    let open = all.iter().filter(|one| !one.is_finished()).count();
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    out::json(&Heard {
        connections: u64::try_from(open)?,
        events: heard.len(),
        p50_us: heard.value_at_quantile(0.5),
        p99_us: heard.value_at_quantile(0.99),
        max_us: heard.max(),
        bytes_per_connection: after.saturating_sub(before) / u64::from(connections.max(1)),
    });
    Ok(())
}

/// A client of the protocol over a WebSocket, in the room.
async fn open(address: &str) -> anyhow::Result<WebSocketStream<TcpStream>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    // Byte by byte, because what follows the head belongs to the socket.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    anyhow::ensure!(head.starts_with(b"HTTP/1.1 101"), "the server takes no WebSocket");
    let config = WebSocketConfig::default().read_buffer_size(1_024).write_buffer_size(0);
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await;
    let join = format!("420[\"join\",{{\"room\":\"{ROOM}\"}}]");
    for (said, answer) in [("40", "40"), (join.as_str(), "430")] {
        socket.send(Message::text(said)).await?;
        loop {
            let message = socket.next().await.context("the connection is closed")??;
            let text = message.to_text()?;
            if text == "2" {
                socket.send(Message::text("3")).await?;
            }
            if text.starts_with(answer) {
                break;
            }
        }
    }
    Ok(socket)
}

/// Listens until the connection ends.
async fn listen(
    mut socket: WebSocketStream<TcpStream>,
    is_listening: watch::Receiver<bool>,
    heard: Arc<Mutex<Histogram<u64>>>,
) -> anyhow::Result<()> {
    while let Some(message) = socket.next().await {
        let message = message?;
        let now = now_us();
        let text = message.to_text()?;
        // It was too slow, and hears no more: as good as lost.
        anyhow::ensure!(!text.starts_with("42[\"resync\""), "it was too slow");
        if text == "2" {
            socket.send(Message::text("3")).await?;
        } else if text.starts_with("42[\"tick\"") && *is_listening.borrow() {
            let at = text.split("\"at_us\":").nth(1).unwrap_or_default();
            let digits = at.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
            let took = now.saturating_sub(digits.parse()?).clamp(1, LONGEST_US);
            heard.lock().unwrap_or_else(PoisonError::into_inner).record(took)?;
        }
    }
    Ok(())
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Resident memory of a process in bytes.
fn resident(process: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))
        .context("the server's memory cannot be looked at; that takes Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).context("no VmRSS")?;
    Ok(kib.trim().parse::<u64>()? * 1_024)
}
