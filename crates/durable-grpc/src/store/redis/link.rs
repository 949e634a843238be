//! Connections: made when they are needed, and again when they are lost.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, ServerErrorKind, Value,
    aio::{MultiplexedConnection, PubSub},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
};
use tokio::{sync::Mutex, time::Instant};

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
/// How often a cluster's client tries again by itself when nodes have moved.
const CLUSTER_RETRIES: u32 = 3;

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
    /// It may have been executed.
    Lost(String),
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
            _ => Self::Lost(error.to_string()),
        }
    }

    /// The server is there, but has no such script, or no such group.
    pub(super) fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Refused(error) if error.code() == Some(code))
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotSent(reason) => Self::NotWritten(reason),
            Failure::Refused(error) => Self::NotWritten(error.to_string()),
            Failure::Lost(reason) => Self::Uncertain(reason),
        }
    }
}

impl Link {
    pub(super) fn single(url: &str) -> Result<Self, ConnectError> {
        Ok(Self::new(Server::Single(Client::open(url).map_err(ConnectError::Url)?)))
    }

    pub(super) fn cluster(urls: Vec<String>) -> Result<Self, ConnectError> {
        let first = urls.first().cloned().unwrap_or_default();
        let first = Client::open(first).map_err(ConnectError::Url)?;
        let cluster = ClusterClient::builder(urls)
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(RESPONSE_TIMEOUT)
            .retries(CLUSTER_RETRIES)
            .build()
            .map_err(ConnectError::Url)?;
        Ok(Self::new(Server::Cluster { cluster: Box::new(cluster), first: Box::new(first) }))
    }

    fn new(server: Server) -> Self {
        Self { server, shared: Mutex::default(), generation: AtomicU64::new(0) }
    }

    /// Runs a command on the shared connection.
    pub(super) async fn query(&self, command: &Cmd) -> Result<Value, Failure> {
        let (generation, mut connection) = self.shared().await?;
        let reply = connection.query(command).await.map_err(Failure::of);
        if matches!(reply, Err(Failure::Lost(_))) {
            self.forget(generation).await;
        }
        reply
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

fn config(response_timeout: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(response_timeout))
}
