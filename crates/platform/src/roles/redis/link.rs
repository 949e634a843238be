//! The connection: made when it is needed, and anew after anything went wrong.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult,
    ScriptInvocation, aio::MultiplexedConnection,
};
use tokio::time::Instant;

/// How long anything may wait for an answer: what is asked is asked on the way to another answer, which
/// somebody waits for.
const ANSWER: Duration = Duration::from_millis(250);

/// After no answer one asks again in so long, and until then nobody else.
const PAUSE: Duration = Duration::from_secs(1);

/// A server, asked in haste.
pub struct Link {
    client: Client,
    answer: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// Nobody asks before this time; set while the server cannot be used.
    away_until: Option<Instant>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    /// A link that connects when it is first used.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        // What the URL is must not be repeated: it may hold a password.
        let client = Client::open(url).ok().context("not a url like redis://host:port/0")?;
        Ok(Self { client, answer: ANSWER, state: Mutex::default() })
    }

    /// The same, with another idea of how long an answer may take.
    #[must_use]
    pub fn waiting(self, answer: Duration) -> Self {
        Self { answer, ..self }
    }

    /// The server, for connections of another kind.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// What a script answers; none while the server cannot be used.
    pub(super) async fn ask<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Option<T> {
        self.exchange(async |connection| script.invoke_async(connection).await).await
    }

    /// What a command answers; none while the server cannot be used.
    pub(super) async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        self.exchange(async |connection| command.query_async(connection).await).await
    }

    async fn exchange<T>(
        &self,
        ask: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> Option<T> {
        let known = self.turn()?;
        let asking = async {
            let mut connection = match known {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            let answer = ask(&mut connection).await?;
            Ok((connection, answer))
        };
        let late = |_| Err(RedisError::from((ErrorKind::Io, "no answer in time")));
        match tokio::time::timeout(self.answer, asking).await.unwrap_or_else(late) {
            Ok((connection, answer)) => {
                let mut state = self.lock();
                state.connection = Some(connection);
                if state.away_until.take().is_some() {
                    tracing::info!("redis can be used again");
                }
                Some(answer)
            }
            Err(error) => {
                let mut state = self.lock();
                // Whatever it was: a connection may be half open, or lead to what is no master any more.
                state.connection = None;
                if state.away_until.replace(Instant::now() + PAUSE).is_none() {
                    tracing::warn!(%error, "redis cannot be used: each instance goes on for itself");
                }
                None
            }
        }
    }

    /// The connection, if there is one already; none at all while it is not ours to ask.
    fn turn(&self) -> Option<Option<MultiplexedConnection>> {
        let mut state = self.lock();
        if let Some(until) = state.away_until {
            let now = Instant::now();
            if now < until {
                return None;
            }
            // One asks whether it is back; the others do not wait for that.
            state.away_until = Some(now + PAUSE);
        }
        Some(state.connection.clone())
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.answer))
            .set_response_timeout(Some(self.answer));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
