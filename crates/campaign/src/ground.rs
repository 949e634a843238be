//! What a process stands on and may lack for a while: room on the disk of its databases, or the answer
//! to a commit.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use platform::Db;
use sea_orm::{ConnectionTrait as _, DbBackend};
use testkit::Proxy;

/// Points that are passed without room, before there is some again.
const POINTS_WITHOUT_ROOM: u32 = 60;

/// A file that cannot grow: fewer pages than it has are as many as it has.
const FULL: &str = "PRAGMA max_page_count = 1";

/// SQLite's own limit.
const ROOM: &str = "PRAGMA max_page_count = 4294967294";

/// The databases of one process, and what lies between.
#[derive(Debug, Default)]
pub struct Ground {
    /// Unwatched handles, which share their connections with the watched ones.
    databases: Mutex<Vec<Db>>,
    proxy: Option<Arc<Proxy>>,
    until_room: AtomicU32,
}

impl Ground {
    /// With a proxy before the server, if there is a server.
    pub(crate) fn new(proxy: Option<Arc<Proxy>>) -> Self {
        Self { proxy, ..Self::default() }
    }

    /// A database that it has from now on.
    pub(crate) fn add(&self, db: &Db) {
        self.databases.lock().unwrap_or_else(PoisonError::into_inner).push(db.clone());
    }

    /// It has ended, and holds nothing any more.
    pub(crate) fn give_up(&self) {
        self.databases.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// From now on no file can grow. Called while no transaction of this task is open: it waits for
    /// the writing connections.
    pub(crate) async fn fill(&self) {
        self.until_room.store(POINTS_WITHOUT_ROOM, Ordering::Relaxed);
        self.limit(FULL).await;
    }

    /// A point was passed.
    pub(crate) fn passed(self: &Arc<Self>) {
        let less = |left: u32| left.checked_sub(1);
        let before = self.until_room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        if before == Ok(1) {
            // Not here: the task may hold the connection that is waited for.
            let ground = self.clone();
            tokio::spawn(async move { ground.limit(ROOM).await });
        }
    }

    /// The next answer to a commit does not come.
    pub(crate) fn lose_next(&self) {
        if let Some(proxy) = &self.proxy {
            proxy.lose_next();
        }
    }

    async fn limit(&self, pragma: &str) {
        let databases = self.databases.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for db in databases.iter().filter(|db| db.engine() == DbBackend::Sqlite) {
            // One that cannot be told so is one that is not limited.
            let _ = db.write().execute_unprepared(pragma).await;
        }
    }
}
