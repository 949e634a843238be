//! A transaction with a name.

use std::{
    collections::BTreeSet,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement,
    TransactionTrait as _,
};

use crate::{
    boundary::{Boundary, Moment, Name},
    roles::Cache,
    rooms::{self, Event},
    scan::Waker,
};

/// What a commit sets going. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct AfterCommit {
    /// Has what was told announced.
    pub(crate) news: Waker,
    /// Forgets what was changed.
    pub(crate) cache: Option<Cache>,
}

/// A transaction of either engine. Dropped, it is rolled back.
#[derive(Debug)]
pub struct Tx {
    inner: DatabaseTransaction,
    told: Told,
    outdated: Outdated,
    ends: End,
}

/// What is to be told once it has happened.
type Told = Arc<Mutex<Vec<Event>>>;

/// Keys of the cache whose values will be old once it has happened.
type Outdated = Arc<Mutex<BTreeSet<String>>>;

#[derive(Debug)]
enum End {
    Transaction {
        name: Name,
        boundary: Boundary,
        after: AfterCommit,
    },
    /// It meets the database only as part of the transaction around it.
    Savepoint {
        around: Told,
    },
}

impl Tx {
    pub(crate) fn new(
        inner: DatabaseTransaction,
        name: Name,
        boundary: Boundary,
        after: AfterCommit,
    ) -> Self {
        let ends = End::Transaction { name, boundary, after };
        Self { inner, told: Told::default(), outdated: Outdated::default(), ends }
    }

    /// Begins a part that can be undone while the rest stays.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn savepoint(&self) -> Result<Self, DbErr> {
        Ok(Self {
            inner: self.inner.begin().await?,
            told: Told::default(),
            // Undone, it has forgotten something too much, and nothing is wrong.
            outdated: self.outdated.clone(),
            ends: End::Savepoint { around: self.told.clone() },
        })
    }

    /// Has everybody in a room hear of something, once it is committed.
    pub fn tell(&self, event: Event) {
        self.outdates(event.room.clone());
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// Has the value of a key of the cache read anew, once it is committed. What is told of a room does so
    /// for the key of its name.
    pub fn outdates(&self, key: String) {
        self.outdated.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
    }

    /// Commits.
    ///
    /// # Errors
    /// When the database fails. Whether the transaction was committed is then unknown: the same work,
    /// done again, must find out.
    pub async fn commit(self) -> Result<(), DbErr> {
        let told = std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner));
        match self.ends {
            End::Transaction { name, boundary, after } => {
                let has_news = !told.is_empty();
                let outdated = std::mem::take(
                    &mut *self.outdated.lock().unwrap_or_else(PoisonError::into_inner),
                );
                if has_news {
                    rooms::append(&self.inner, told).await?;
                }
                boundary.reach(&name, Moment::Commit).await?;
                let committed = self.inner.commit().await;
                // Also when nobody knows whether it was.
                if let Some(cache) = &after.cache
                    && !outdated.is_empty()
                {
                    cache.forget(&Vec::from_iter(outdated)).await;
                }
                committed?;
                if has_news {
                    after.news.wake();
                }
                boundary.reach(&name, Moment::Committed).await
            }
            End::Savepoint { around } => {
                self.inner.commit().await?;
                around.lock().unwrap_or_else(PoisonError::into_inner).extend(told);
                Ok(())
            }
        }
    }

    /// Undoes everything.
    ///
    /// # Errors
    /// When the database fails; nothing was done then either.
    pub async fn rollback(self) -> Result<(), DbErr> {
        self.inner.rollback().await
    }
}

/// What works with a transaction of sea-orm works with this one.
impl Deref for Tx {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

#[async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.inner.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.inner.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.inner.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.inner.query_all_raw(statement).await
    }
}
