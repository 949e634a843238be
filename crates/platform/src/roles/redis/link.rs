//! The connection, which comes back by itself.

use std::{sync::Mutex, sync::PoisonError, time::Duration};

use anyhow::Context as _;
use redis::{
    Client, FromRedisValue, RedisError, ScriptInvocation,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::time::Instant;

/// How long anything may wait for an answer: what is asked is asked on the way to another answer, which
/// somebody waits for.
const ANSWER: Duration = Duration::from_millis(250);

/// After no answer nobody asks for so long.
const PAUSE: Duration = Duration::from_secs(1);

/// A server, asked in haste.
pub struct Link {
    manager: ConnectionManager,
    /// Nobody asks before this time; set while the server is away.
    away_until: Mutex<Option<Instant>>,
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
        let settings = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(ANSWER))
            .set_response_timeout(Some(ANSWER))
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(PAUSE);
        // What the URL is must not be repeated: it may hold a password.
        let client = Client::open(url).ok().context("not a url like redis://host:port/0")?;
        let manager = ConnectionManager::new_lazy_with_config(client, settings)?;
        Ok(Self { manager, away_until: Mutex::default() })
    }

    /// What a script answers; none while the server is away.
    pub(super) async fn ask<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Option<T> {
        let away_until = *self.lock();
        if away_until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let mut connection = self.manager.clone();
        let asked = tokio::time::timeout(ANSWER, script.invoke_async(&mut connection)).await;
        let late = || RedisError::from((redis::ErrorKind::Io, "no answer in time"));
        match asked.unwrap_or_else(|_| Err(late())) {
            Ok(answer) => {
                if self.lock().take().is_some() {
                    tracing::info!("redis answers again: limits and leases are shared");
                }
                Some(answer)
            }
            Err(error) => {
                let until = Instant::now() + PAUSE;
                if self.lock().replace(until).is_none() {
                    tracing::warn!(%error, "redis does not answer: each instance counts for itself");
                }
                None
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.away_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
