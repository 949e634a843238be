//! What was worked out a moment ago and can be again: pages that many people look at, kept until what they
//! show has changed.

use std::{
    collections::HashMap,
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// Who was permitted to work out a value has so long: after that somebody else may.
pub(super) const PERMITTED: Duration = Duration::from_secs(2);

/// The longest life that anything is kept for: what a store may have missed lasts no longer.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// What a store says about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// This is kept.
    Found(Bytes),
    /// Nothing is. With a permit, what is worked out from now on may be kept; without one, somebody else is
    /// at it, or nothing can be kept at present.
    Missing(Option<Permit>),
}

/// Permits keeping a value, unless the key is forgotten first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit(pub(super) Uuid);

impl Permit {
    pub(super) fn new() -> Self {
        Self(Uuid::new_v4())
    }
}

/// Keeps values for a while. Nothing is promised to be kept; but what is found is not older than the last
/// `forget` that the store has heard of.
#[async_trait]
pub trait CacheStore: Debug + Send + Sync {
    /// What is kept for a key. Of those who find nothing at the same time one gets a permit.
    async fn look(&self, key: &str) -> Look;

    /// Keeps a value, if the key was not forgotten since the permit was given: whoever read before a change
    /// must not write after it.
    async fn keep(&self, key: &str, permit: Permit, value: Bytes, life: Duration);

    /// Forgets keys, and every permit for them. To be called once a change is committed.
    async fn forget(&self, keys: &[String]);
}

/// A cache that is read through: what it does not have it has worked out, once for everybody who asks this
/// process at the same time, so that a page that is forgotten while thousands look at it is read once.
///
/// While its store is away everything is worked out, still once for those who ask at the same time.
#[derive(Clone, Debug)]
pub struct Cache {
    store: Arc<dyn CacheStore>,
    flights: Arc<Mutex<HashMap<String, Flight>>>,
}

/// A value on its way to everybody who waits for it.
type Flight = Arc<OnceCell<Bytes>>;

impl Cache {
    /// A cache on a store.
    pub fn on(store: Arc<dyn CacheStore>) -> Self {
        Self { store, flights: Arc::default() }
    }

    /// The value of a key, which `read` works out if it is not kept, for `life` at most.
    ///
    /// # Errors
    /// Those of `read`; such an answer is not kept, and the next who waits tries again.
    pub async fn remember<T, E>(
        &self,
        key: &str,
        life: Duration,
        read: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<anyhow::Error>,
    {
        let flight = self.lock().entry(key.to_owned()).or_default().clone();
        let mut own = None;
        let fetch = async || {
            let (bytes, value) = self.fetch(key, life, read).await?;
            own = Some(value);
            Ok::<_, E>(bytes)
        };
        let landed = flight.get_or_try_init(fetch).await.cloned();
        self.end(key, &flight);
        let bytes = landed?;
        match own {
            Some(value) => Ok(value),
            None => Ok(decode(&bytes)?),
        }
    }

    /// Has keys worked out anew by whoever asks from now on. To be called once a change is committed.
    pub async fn forget(&self, keys: &[String]) {
        {
            // What is on its way was perhaps read before the change; who comes now does not wait for it.
            let mut flights = self.lock();
            for key in keys {
                flights.remove(key);
            }
        }
        self.store.forget(keys).await;
    }

    async fn fetch<T, E>(
        &self,
        key: &str,
        life: Duration,
        read: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<(Bytes, T), E>
    where
        T: Serialize + DeserializeOwned,
        E: From<anyhow::Error>,
    {
        let permit = match self.store.look(key).await {
            Look::Found(bytes) => match decode(&bytes) {
                Ok(value) => return Ok((bytes, value)),
                // A neighbour of another version kept it, whose values have another shape.
                Err(_) => None,
            },
            Look::Missing(permit) => permit,
        };
        let value = read().await?;
        let bytes = Bytes::from(serde_json::to_vec(&value).map_err(anyhow::Error::from)?);
        if let Some(permit) = permit {
            self.store.keep(key, permit, bytes.clone(), life.min(LONGEST)).await;
        }
        Ok((bytes, value))
    }

    /// Takes a flight off the list, unless another has taken its place.
    fn end(&self, key: &str, flight: &Flight) {
        let mut flights = self.lock();
        if flights.get(key).is_some_and(|other| Arc::ptr_eq(other, flight)) {
            flights.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(bytes).context("a value of the cache has another shape")
}
