//! What survives a process: the databases, the bank, the clock, the keys.

use std::{num::NonZeroU32, sync::Arc};

use draw::{beacon::Sandbox, moment::Moment, signing::InstanceKey};
use durable_grpc::SqliteStore;
use giveaway_api::beacon::SandboxBeacon;
use jiff::Timestamp;
use platform::{
    Clock,
    keys::{Key, KeyDir},
    rpc::ServiceCredential,
};
use tempfile::TempDir;
use testkit::{Proxy, TestDb};

use crate::{bank::RunningBank, known_bad::Variant};

/// When every world begins.
const START: &str = "2026-11-26T12:00:00Z";

/// Which database the services are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file for each service.
    Sqlite,
    /// A database of a server for each service; `HANDSEL_TEST_POSTGRES` names the server.
    Postgres,
}

impl Engine {
    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// What survives.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) giveaway: TestDb,
    pub(crate) giftcard: TestDb,
    pub(crate) processor: TestDb,
    /// Before the server of the databases, if there is one.
    pub(crate) proxy: Option<Arc<Proxy>>,
    pub(crate) bank: RunningBank,
    pub(crate) clock: Clock,
    pub(crate) credential: ServiceCredential,
    pub(crate) link_key: Key,
    pub(crate) variant: Option<Variant>,
    files: TempDir,
}

impl World {
    /// A new one.
    pub(crate) async fn new(engine: Engine, variant: Option<Variant>) -> anyhow::Result<Self> {
        let files = tempfile::tempdir()?;
        let clock = Clock::manual(START.parse()?);
        let bank = RunningBank::start(files.path(), &clock).await?;
        let proxy = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => {
                let server = std::env::var(testkit::POSTGRES_ENV).unwrap_or_default();
                Some(Arc::new(Proxy::start(&server).await?))
            }
        };
        Ok(Self {
            proxy,
            giveaway: database::<giveaway_api::Migrator>(engine).await?,
            giftcard: database::<giftcard_api::Migrator>(engine).await?,
            processor: testkit::sqlite::<job_processor::Migrator>().await,
            bank,
            clock,
            credential: ServiceCredential::new(&Key::new([7; 32])),
            link_key: Key::new([9; 32]),
            variant,
            files,
        })
    }

    /// The queue of calls of one instance. The process before may hold its file until it is dead.
    pub(crate) async fn calls(&self, instance: usize) -> SqliteStore {
        let file = self.files.path().join(format!("calls-{instance}.db"));
        testkit::eventually(crate::PATIENCE, async || SqliteStore::open(&file)).await
    }

    /// The keys that giftcard-api makes for itself.
    pub(crate) fn keys(&self) -> anyhow::Result<KeyDir> {
        KeyDir::open(&self.files.path().join("keys"))
    }

    /// What signs manifests.
    pub(crate) fn instance_key() -> InstanceKey {
        InstanceKey::from_seed(&[8; 32])
    }

    /// Randomness, every three seconds since the world began.
    pub(crate) fn beacon() -> anyhow::Result<Arc<SandboxBeacon>> {
        let genesis: Timestamp = START.parse()?;
        let period = NonZeroU32::new(3).ok_or_else(|| anyhow::anyhow!("three is zero"))?;
        Ok(Arc::new(SandboxBeacon(Sandbox::from_seed(&[7; 32], Moment::from(genesis), period))))
    }
}

async fn database<M: sea_orm_migration::MigratorTrait>(engine: Engine) -> anyhow::Result<TestDb> {
    match engine {
        Engine::Sqlite => Ok(testkit::sqlite::<M>().await),
        Engine::Postgres => testkit::postgres::<M>()
            .await
            .ok_or_else(|| anyhow::anyhow!("{} names no server", testkit::POSTGRES_ENV)),
    }
}
