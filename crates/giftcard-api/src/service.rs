//! What every action works with.

use std::sync::{Arc, OnceLock};

use durable_grpc::DirectChannel;
use platform::{
    Clock, Db,
    keys::{Key, KeyDir},
    provider::Provider,
    roles::Roles,
    scan::Waker,
};

use crate::{
    attempts::AttemptLimits,
    config::Config,
    domain::books::Books,
    known_bad::{KnownBad, Misbehaviour},
    secrets::CardSecrets,
};

/// The service behind all entrances. Shared, never changed.
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) books: Books,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) secrets: CardSecrets,
    /// Signs links that reveal a card, and the till's tickets: never the same purpose.
    pub(crate) link_key: Key,
    pub(crate) admin_token_hash: [u8; 32],
    pub(crate) limits: AttemptLimits,
    pub(crate) roles: Roles,
    /// Queries to giveaway-api, which knows who is signed in, once it is connected.
    pub(crate) accounts: OnceLock<DirectChannel>,
    pub(crate) wakers: Wakers,
    pub(crate) misbehaviour: Misbehaviour,
}

/// Wakes scans ahead of their period.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wakers {
    /// A settlement was requested, or an attempt has news.
    pub(crate) settlements: Waker,
    /// The provider pushed an event.
    pub(crate) inbox: Waker,
    /// A merchant has closed.
    pub(crate) voids: Waker,
}

/// How handlers share the service.
pub(crate) type Shared = Arc<Service>;

/// The keys that every instance of an installation shares, by their names in the folder of keys.
pub const KEYS: [&str; 3] = [LINKS, crate::secrets::LOOKUP, crate::secrets::SEAL];

const LINKS: &str = "giftcard-links";

impl Service {
    /// The key of links, of this installation.
    ///
    /// # Errors
    /// When the key file is unusable.
    pub(crate) fn load_link_key(keys: &KeyDir) -> anyhow::Result<Key> {
        keys.key(LINKS)
    }

    /// Whether this process is wrong in that way, on purpose.
    pub(crate) fn misbehaves(&self, bad: KnownBad) -> bool {
        self.misbehaviour.is(bad)
    }

    /// Now, as the database keeps time.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}
