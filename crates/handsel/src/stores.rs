//! Opens call stores, for the commands that use one themselves.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use durable_grpc::{CallStore, RedisStore, SqliteStore};

/// Where calls are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this file, which one process owns.
    Sqlite(PathBuf),
    /// On this server, which processes share.
    Redis(String),
}

/// Opens a store; a file is made if it is missing.
///
/// # Errors
/// When another process has the file, or the store is not usable.
pub(crate) async fn open_store(place: &Place) -> anyhow::Result<Arc<dyn CallStore>> {
    match place {
        Place::Sqlite(file) => {
            let store = SqliteStore::open(file)
                .with_context(|| format!("the call queue {} is not usable", file.display()))?;
            Ok(Arc::new(store))
        }
        Place::Redis(url) => Ok(Arc::new(RedisStore::connect(url).await?)),
    }
}
