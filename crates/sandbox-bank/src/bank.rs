//! The bank: open the file, serve, deliver.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::BankConfig;
use crate::store::Store;
use crate::{http, plans, server, webhooks};

/// One bank over one file. Cloning is cheap and gives the same bank.
#[derive(Clone)]
pub struct Bank {
    inner: Arc<Inner>,
}

struct Inner {
    config: BankConfig,
    store: Arc<Store>,
    /// Set when the bank goes down, so that an answer held back by a fault does not hold it up.
    stopping: CancellationToken,
}

impl Bank {
    /// Opens or makes the file at `path`. Blocks for the time of a few file operations.
    ///
    /// # Errors
    /// When the configuration has a value that cannot work, or the file is no bank's.
    pub fn open(path: impl AsRef<Path>, config: BankConfig) -> anyhow::Result<Self> {
        config.check().context("sandbox bank's configuration")?;
        let path = path.as_ref();
        let store =
            Store::open(path).with_context(|| format!("sandbox bank's file {}", path.display()))?;
        let stopping = CancellationToken::new();
        Ok(Self { inner: Arc::new(Inner { config, store: Arc::new(store), stopping }) })
    }

    /// Serves the API and the pay pages on `listener`, delivers webhooks and moves pending things
    /// on, until `shutdown`. Requests under way are finished, within a limit.
    ///
    /// # Errors
    /// When a background part ended by itself, which is a defect.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let background = tokio::spawn(self.clone().run_background(shutdown.clone()));
        let stopping = self.inner.stopping.clone();
        let ended = shutdown.clone();
        tokio::spawn(async move {
            ended.cancelled().await;
            stopping.cancel();
        });
        server::serve(listener, self.router(), shutdown).await;
        background.await.context("sandbox bank's background work")
    }

    /// The routes alone, for a caller with a server of its own. Such a caller also runs
    /// [`Bank::run_background`]; and where a fault cuts the connection, it sends a broken answer
    /// instead of none.
    pub fn router(&self) -> axum::Router {
        http::router(self.clone())
    }

    /// Delivers webhooks and moves pending things on, until `shutdown`.
    pub async fn run_background(self, shutdown: CancellationToken) {
        tokio::join!(
            webhooks::deliver(self.clone(), shutdown.clone()),
            plans::move_on(self.clone(), shutdown)
        );
    }

    pub(crate) fn config(&self) -> &BankConfig {
        &self.inner.config
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.inner.store
    }

    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.inner.stopping
    }

    /// The present in whole milliseconds, as the file keeps it: an object reads the same in the
    /// answer that made it and in every later one.
    pub(crate) fn now(&self) -> Timestamp {
        let now = (self.inner.config.clock)();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

impl fmt::Debug for Bank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bank").field("config", &self.inner.config).finish_non_exhaustive()
    }
}
