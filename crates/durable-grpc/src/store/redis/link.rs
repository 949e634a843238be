//! Connections: made when they are needed, and again when they are lost.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, IntoConnectionInfo as _, ProtocolVersion,
    RedisError, ServerErrorKind, Value,
    aio::{MultiplexedConnection, PubSub},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use super::options::{ConnectError, info_text};
use crate::store::StoreError;

/// How long a connection may take to be made: callers wait for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a script may take. A server that says nothing for so long is gone, or the connection is
/// half open.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
/// After a failed connect, callers are refused for so long without another try: they should learn at
/// once that the server is away.
const CONNECT_PAUSE: Duration = Duration::from_millis(100);
/// A cluster's client must not send again by itself what may have been executed; the next command finds
/// the nodes where they are by then.
const CLUSTER_RETRIES: u32 = 0;
/// How often, and with what pause, a command is sent again that was certainly not executed because the
/// nodes of a cluster were changing.
const MOVED_RETRIES: u32 = 3;
const MOVED_PAUSE: Duration = Duration::from_millis(50);

/// A server or a cluster, and the connection that scripts share.
pub(super) struct Link {
    server: Server,
    shared: Mutex<State>,
    /// Counts connections: whatever the server was told once is told again after a change.
    generation: AtomicU64,
}

enum Server {
    Single(Client),
    Cluster { cluster: Box<ClusterClient>, first: Box<Client> },
}

#[derive(Default)]
struct State {
    connection: Option<(u64, Connection)>,
    connected_at: Option<Instant>,
    not_before: Option<Instant>,
}

/// One connection; clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) async fn query(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        match self {
            Self::Single(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }
}

/// Why a command has no reply.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was certainly not executed.
    NotSent(String),
    /// The server refused it; nothing was written.
    Refused(RedisError),
    /// The connection was lost; it may have been executed.
    Lost(String),
    /// The server reported an error from within; it may have been executed in part.
    Broken(String),
}

impl Failure {
    pub(super) fn of(error: RedisError) -> Self {
        match error.kind() {
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::NoScript
                | ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::CrossSlot
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::NoPerm,
            ) => Self::Refused(error),
            _ if matches!(error.code(), Some("OOM" | "NOGROUP" | "NOREPLICAS" | "MISCONF")) => {
                Self::Refused(error)
            }
            ErrorKind::ClusterConnectionNotFound => Self::NotSent(error.to_string()),
            ErrorKind::Io | ErrorKind::Parse => Self::Lost(error.to_string()),
            // The script broke off, and may have written before that; the connection is sound.
            _ => Self::Broken(error.to_string()),
        }
    }

    /// The connection is of no use: it is lost, or leads to a server that is only just loading its
    /// memory (everyone was silent meanwhile), or is no master any more.
    fn is_away(&self) -> bool {
        matches!(self, Self::Lost(_))
            || ["LOADING", "READONLY", "MASTERDOWN"].into_iter().any(|code| self.has_code(code))
    }

    /// The key is, or will be, on another node of the cluster. ASK is not followed: it leads to the
    /// importing node while the calls of the lane are still on the other.
    fn has_moved(&self) -> bool {
        ["MOVED", "TRYAGAIN", "CLUSTERDOWN"].into_iter().any(|code| self.has_code(code))
    }

    /// The server is there, but has no such script, or no such group.
    pub(super) fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Refused(error) if error.code() == Some(code))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotSent(reason) | Self::Lost(reason) | Self::Broken(reason) => {
                f.write_str(reason)
            }
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotSent(reason) => Self::NotWritten(reason),
            Failure::Refused(error) => Self::NotWritten(error.to_string()),
            Failure::Lost(reason) | Failure::Broken(reason) => Self::Uncertain(reason),
        }
    }
}

impl Link {
    pub(super) fn single(url: &str) -> Result<Self, ConnectError> {
        let client = open(url).map_err(ConnectError::Url)?;
        Ok(Self::new(Server::Single(client)))
    }

    pub(super) fn cluster(urls: Vec<String>) -> Result<Self, ConnectError> {
        let first = urls.first().cloned().unwrap_or_default();
        let first = open(&first).map_err(ConnectError::Url)?;
        let cluster = ClusterClient::builder(urls)
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(RESPONSE_TIMEOUT)
            .retries(CLUSTER_RETRIES)
            .use_protocol(ProtocolVersion::RESP2)
            .build()
            .map_err(ConnectError::Url)?;
        Ok(Self::new(Server::Cluster { cluster: Box::new(cluster), first: Box::new(first) }))
    }

    fn new(server: Server) -> Self {
        Self { server, shared: Mutex::default(), generation: AtomicU64::new(0) }
    }

    /// Runs a command on the shared connection.
    pub(super) async fn query(&self, command: &Cmd) -> Result<Value, Failure> {
        let mut tries = 0;
        loop {
            let (generation, mut connection) = self.shared().await?;
            let reply = connection.query(command).await.map_err(Failure::of);
            match &reply {
                Err(failure) if failure.is_away() => self.forget(generation).await,
                Err(failure) if failure.has_moved() && tries < MOVED_RETRIES => {
                    tries += 1;
                    sleep(MOVED_PAUSE).await;
                    continue;
                }
                _ => {}
            }
            return reply;
        }
    }

    /// How long the shared connection has been up; nothing while it is not.
    pub(super) async fn connected_for(&self) -> Option<Duration> {
        let state = self.shared.lock().await;
        state.connection.as_ref().and(state.connected_at).map(|since| since.elapsed())
    }

    /// A connection of its own, for reads that block for at most so long. The default timeout of the
    /// client is shorter than a blocking read and would strand what the server has handed out.
    pub(super) async fn for_blocking(&self, block: Duration) -> Result<Connection, Failure> {
        self.connect(block + RESPONSE_TIMEOUT).await
    }

    /// A connection for subscriptions. In a cluster every node hears every message.
    pub(super) async fn subscriber(&self) -> Result<PubSub, RedisError> {
        let client = self.any_node();
        match tokio::time::timeout(CONNECT_TIMEOUT, client.get_async_pubsub()).await {
            Ok(connected) => connected,
            Err(_) => Err(RedisError::from((ErrorKind::Io, "no connection in time"))),
        }
    }

    pub(super) async fn info(&self) -> Result<String, RedisError> {
        let client = self.any_node();
        let config = config(RESPONSE_TIMEOUT);
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        redis::cmd("INFO").query_async(&mut connection).await.map(info_text)
    }

    /// The server, or a node of the cluster.
    fn any_node(&self) -> &Client {
        match &self.server {
            Server::Single(client) => client,
            Server::Cluster { first, .. } => first,
        }
    }

    /// The number of the shared connection.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    async fn shared(&self) -> Result<(u64, Connection), Failure> {
        let mut state = self.shared.lock().await;
        if let Some((generation, connection)) = &state.connection {
            return Ok((*generation, connection.clone()));
        }
        if state.not_before.is_some_and(|time| Instant::now() < time) {
            return Err(Failure::NotSent("redis is not connected".to_owned()));
        }
        match self.connect(RESPONSE_TIMEOUT).await {
            Ok(connection) => {
                let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
                state.connected_at = Some(Instant::now());
                state.connection = Some((generation, connection.clone()));
                Ok((generation, connection))
            }
            Err(failure) => {
                state.not_before = Some(Instant::now() + CONNECT_PAUSE);
                Err(failure)
            }
        }
    }

    async fn forget(&self, generation: u64) {
        let mut state = self.shared.lock().await;
        if state.connection.as_ref().is_some_and(|(current, _)| *current == generation) {
            state.connection = None;
        }
    }

    async fn connect(&self, response_timeout: Duration) -> Result<Connection, Failure> {
        let connecting = async {
            Ok(match &self.server {
                Server::Single(client) => Connection::Single(
                    client
                        .get_multiplexed_async_connection_with_config(&config(response_timeout))
                        .await?,
                ),
                Server::Cluster { cluster, .. } => {
                    let config = redis::cluster::ClusterConfig::new()
                        .set_connection_timeout(CONNECT_TIMEOUT)
                        .set_response_timeout(response_timeout);
                    Connection::Cluster(cluster.get_async_connection_with_config(config).await?)
                }
            })
        };
        // A cluster's client asks several nodes in turn, so the limit is above that of one.
        match tokio::time::timeout(CONNECT_TIMEOUT * 2, connecting).await {
            Ok(connected) => {
                connected.map_err(|error: RedisError| Failure::NotSent(error.to_string()))
            }
            Err(_) => Err(Failure::NotSent("no connection in time".to_owned())),
        }
    }
}

/// Replies are read as the older protocol shapes them, whatever the address asks for.
fn open(url: &str) -> Result<Client, RedisError> {
    let address = url.into_connection_info()?;
    let settings = address.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
    Client::open(address.set_redis_settings(settings))
}

fn config(response_timeout: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(response_timeout))
}
