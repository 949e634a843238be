//! A transaction with a name.

use std::ops::Deref;

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement,
    TransactionTrait as _,
};

use crate::boundary::{Boundary, Moment, Name};

/// A transaction of either engine. Dropped, it is rolled back.
#[derive(Debug)]
pub struct Tx {
    inner: DatabaseTransaction,
    /// None for a savepoint, which meets the database only as part of the transaction around it.
    named: Option<(Name, Boundary)>,
}

impl Tx {
    pub(crate) fn new(inner: DatabaseTransaction, name: Name, boundary: Boundary) -> Self {
        Self { inner, named: Some((name, boundary)) }
    }

    /// Begins a part that can be undone while the rest stays.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn savepoint(&self) -> Result<Self, DbErr> {
        Ok(Self { inner: self.inner.begin().await?, named: None })
    }

    /// Commits.
    ///
    /// # Errors
    /// When the database fails. Whether the transaction was committed is then unknown: the same work,
    /// done again, must find out.
    pub async fn commit(self) -> Result<(), DbErr> {
        match self.named {
            Some((name, boundary)) => {
                boundary.reach(&name, Moment::Commit).await?;
                self.inner.commit().await?;
                boundary.reach(&name, Moment::Committed).await
            }
            None => self.inner.commit().await,
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
