//! A transaction with a name.

use std::{
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
    rooms::{self, Event},
    scan::Waker,
};

/// A transaction of either engine. Dropped, it is rolled back.
#[derive(Debug)]
pub struct Tx {
    inner: DatabaseTransaction,
    told: Told,
    ends: End,
}

/// What is to be told once it has happened.
type Told = Arc<Mutex<Vec<Event>>>;

#[derive(Debug)]
enum End {
    Transaction {
        name: Name,
        boundary: Boundary,
        news: Waker,
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
        news: Waker,
    ) -> Self {
        Self { inner, told: Told::default(), ends: End::Transaction { name, boundary, news } }
    }

    /// Begins a part that can be undone while the rest stays.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn savepoint(&self) -> Result<Self, DbErr> {
        Ok(Self {
            inner: self.inner.begin().await?,
            told: Told::default(),
            ends: End::Savepoint { around: self.told.clone() },
        })
    }

    /// Has everybody in a room hear of something, once it is committed.
    pub fn tell(&self, event: Event) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// Commits.
    ///
    /// # Errors
    /// When the database fails. Whether the transaction was committed is then unknown: the same work,
    /// done again, must find out.
    pub async fn commit(self) -> Result<(), DbErr> {
        let told = std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner));
        match self.ends {
            End::Transaction { name, boundary, news } => {
                let has_news = !told.is_empty();
                if has_news {
                    rooms::append(&self.inner, told).await?;
                }
                boundary.reach(&name, Moment::Commit).await?;
                self.inner.commit().await?;
                if has_news {
                    news.wake();
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
