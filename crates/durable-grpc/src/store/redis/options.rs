//! Settings, and what is checked about a server before it is used.

use std::{fmt, sync::Arc, time::Duration};

use redis::{RedisError, Value};

use super::{RedisStore, link::Link};
use crate::limits::LEASE;

/// The most bytes of messages that unfinished calls of one lane may have, unless the options say
/// otherwise.
const DEFAULT_LANE_BYTES: u64 = 1024 * 1024 * 1024;
/// Script flags and what the scripts call came with this version.
const OLDEST_VERSION: u32 = 7;

/// How a [`RedisStore`] connects.
#[derive(Clone)]
#[must_use]
pub struct RedisOptions {
    pub(super) prefix: String,
    pub(super) lane_bytes: u64,
    pub(super) lease: Duration,
    pub(super) require_durable: bool,
    pub(super) ahead: Arc<dyn Fn() -> Duration + Send + Sync>,
}

/// Why a server cannot keep calls.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not one.
    #[error("redis url: {0}")]
    Url(RedisError),
    /// The server cannot be reached, or does not let us in.
    #[error("cannot connect to redis: {0}")]
    Unreachable(RedisError),
    /// The server is too old for the scripts.
    #[error("redis {found} is too old, version {OLDEST_VERSION} or later is needed")]
    TooOld {
        /// Its version.
        found: String,
    },
    /// The server would evict calls that wait.
    #[error(
        "redis has maxmemory-policy {0}, which evicts calls; set it to noeviction (a cache in the \
         same server gives its keys a time to live)"
    )]
    Evicts(String),
    /// The server keeps nothing on disk, and the options require it.
    #[error("redis has no append-only file, so a restart loses calls; set appendonly to yes")]
    NotDurable,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            prefix: "durable".to_owned(),
            lane_bytes: DEFAULT_LANE_BYTES,
            lease: LEASE,
            require_durable: false,
            ahead: Arc::new(|| Duration::ZERO),
        }
    }
}

impl RedisOptions {
    /// Begins every key with this word, so that several installations can share a server. The
    /// default is `durable`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Refuses submissions to a lane whose unfinished calls have messages of this many bytes. The
    /// default is 1 GiB.
    pub const fn lane_bytes(mut self, bytes: u64) -> Self {
        self.lane_bytes = bytes;
        self
    }

    /// How long a worker may be silent before its claims are taken over. All processes should say the
    /// same. The default is 14 s.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Refuses a server without an append-only file instead of warning about it.
    pub const fn require_durable(mut self) -> Self {
        self.require_durable = true;
        self
    }

    /// Lets the store's clock go ahead of the server's by what this returns: for rehearsals and tests
    /// in which days pass in seconds. Due times, expiry and leases follow it.
    pub fn clock_ahead(mut self, ahead: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.ahead = Arc::new(ahead);
        self
    }

    /// Connects to a server, for example `redis://127.0.0.1:6379/0`. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(self, url: &str) -> Result<RedisStore, ConnectError> {
        let link = Link::single(url)?;
        self.start(link).await
    }

    /// Connects to a cluster by the addresses of some of its nodes.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect_cluster(
        self,
        urls: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<RedisStore, ConnectError> {
        let link = Link::cluster(urls.into_iter().map(Into::into).collect())?;
        self.start(link).await
    }

    async fn start(self, link: Link) -> Result<RedisStore, ConnectError> {
        check(&link, self.require_durable).await?;
        Ok(RedisStore::start(self, link))
    }

    /// What the store's clock is ahead of the server's, in milliseconds.
    pub(super) fn ahead_ms(&self) -> i64 {
        i64::try_from((self.ahead)().as_millis()).unwrap_or(i64::MAX)
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Looks at version, eviction and persistence. `INFO` is allowed where `CONFIG` may not be.
async fn check(link: &Link, require_durable: bool) -> Result<(), ConnectError> {
    let info = link.info().await.map_err(ConnectError::Unreachable)?;
    let field = |name: &str| {
        info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default()
    };
    let version = field("redis_version");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < OLDEST_VERSION) {
        return Err(ConnectError::TooOld { found: version.to_owned() });
    }
    let policy = field("maxmemory_policy");
    if policy != "noeviction" {
        return Err(ConnectError::Evicts(policy.to_owned()));
    }
    if field("aof_enabled") != "1" {
        if require_durable {
            return Err(ConnectError::NotDurable);
        }
        tracing::warn!("redis has no append-only file: a restart loses calls and answers");
    }
    Ok(())
}

/// The text of an `INFO` reply.
pub(super) fn info_text(value: Value) -> String {
    redis::from_redis_value(value).unwrap_or_default()
}
