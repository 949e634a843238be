//! What every action works with.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use draw::signing::InstanceKey;
use durable_grpc::{Calls, DirectChannel, Relay};
use ledger::Mode;
use platform::{Clock, Db, Shutdown, keys::Key, provider::Provider, roles::Roles, scan::Waker};

use crate::{
    account_secrets::AccountSecrets,
    actions::{drive_saga::Driving, entry_queue::EntryQueue},
    beacon::Beacon,
    config::Config,
    known_bad::Misbehaviour,
    passwords::Passwords,
};

/// What the process gives to this application.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The service's own database, migrated.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Ends the background loops.
    pub shutdown: Shutdown,
    /// Commands to other services.
    pub calls: Calls,
    /// Queries to giftcard-api, with the service credential.
    pub giftcard: DirectChannel,
    /// Queries to the job processor, with the service credential.
    pub processor: DirectChannel,
    /// Where wallets are topped up.
    pub provider: Arc<dyn Provider>,
    /// Where randomness comes from.
    pub beacon: Arc<dyn Beacon>,
    /// Signs manifests, receipts and successions.
    pub instance_key: InstanceKey,
    /// Signs mailed links.
    pub link_key: Key,
    /// Seals the secrets of accounts.
    pub account_key: Key,
    /// SHA-256 of the administrator's token.
    pub admin_token_hash: [u8; 32],
    /// What its instances share.
    pub roles: Roles,
}

/// What every action works with: the settings, the outside world, and the wakers of the scans.
pub struct Service {
    /// The settings.
    pub config: Config,
    /// The service's database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Ends the background loops.
    pub shutdown: Shutdown,
    /// Commands to other services.
    pub calls: Calls,
    /// Queries to giftcard-api.
    pub giftcard: DirectChannel,
    /// Queries to the job processor.
    pub processor: DirectChannel,
    /// Where wallets are topped up.
    pub provider: Arc<dyn Provider>,
    /// Where randomness comes from.
    pub beacon: Arc<dyn Beacon>,
    /// Signs manifests, receipts and successions.
    pub instance_key: InstanceKey,
    /// Signs mailed links.
    pub link_key: Key,
    /// Seals the secrets of accounts, and derives what forms prove.
    pub accounts: AccountSecrets,
    /// Hashes passwords, a few at a time.
    pub passwords: Passwords,
    /// SHA-256 of the administrator's token.
    pub admin_token_hash: [u8; 32],
    /// Entries on their way into the database.
    pub entries: EntryQueue,
    /// The sagas that this process drives right now.
    pub driving: Driving,
    /// What the instances share.
    pub roles: Roles,
    /// Make scans run now.
    pub wake: Wakers,
    /// Sends what is in the outbox, once the application has started.
    pub(crate) relay: OnceLock<Relay>,
    pub(crate) misbehaviour: Misbehaviour,
}

/// One waker per scan: an action that knows that something is due wakes its scan, which would find
/// it anyway within a second.
#[derive(Clone, Debug, Default)]
pub struct Wakers {
    /// Opening, closing, completing.
    pub lifecycle: Waker,
    /// Publish sagas.
    pub sagas: Waker,
    /// Claim deadlines.
    pub winners: Waker,
    /// Payments at the provider.
    pub payments: Waker,
    /// Withdrawals on their way.
    pub withdrawals: Waker,
    /// Freezing and drawing.
    pub draws: Waker,
    /// Counters on their way to the job processor.
    pub counts: Waker,
}

impl Service {
    /// Puts settings and outside world together.
    pub(crate) fn new(config: Config, deps: Deps) -> Arc<Self> {
        let Deps {
            db,
            clock,
            shutdown,
            calls,
            giftcard,
            processor,
            provider,
            beacon,
            instance_key,
            link_key,
            account_key,
            admin_token_hash,
            roles,
        } = deps;
        Arc::new(Self {
            config,
            db,
            clock,
            shutdown,
            calls,
            giftcard,
            processor,
            provider,
            beacon,
            instance_key,
            link_key,
            accounts: AccountSecrets::new(account_key),
            passwords: Passwords::new(),
            admin_token_hash,
            entries: EntryQueue::default(),
            driving: Driving::default(),
            roles,
            wake: Wakers::default(),
            relay: OnceLock::new(),
            misbehaviour: Misbehaviour::default(),
        })
    }

    /// Has the outbox looked at now. To be called after a transaction that wrote to it; without it
    /// the calls go out within a second.
    pub fn wake_relay(&self) {
        if let Some(relay) = self.relay.get() {
            relay.wake();
        }
    }

    /// Test or live money.
    pub fn mode(&self) -> Mode {
        self.config.mode
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("config", &self.config).finish_non_exhaustive()
    }
}
