//! Boundaries: the named moments at which a process meets its database, where it may die or hear
//! nothing. Every transaction has a name, and three boundaries that follow from it: `begin`, `commit`
//! and `committed`. Within a transaction nothing else needs one: until it commits, it never was.
//!
//! Nobody watches in production, and an unwatched boundary costs a branch. The fault campaign watches
//! all of them, counts them, and lets the process end or the connection fail at any one.

use std::{borrow::Cow, fmt, sync::Arc};

use async_trait::async_trait;
use sea_orm::{DbErr, RuntimeErr};

/// A moment in the life of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Moment {
    /// Nothing has been asked of the database yet.
    Begin,
    /// Everything is written, and nothing is committed.
    Commit,
    /// The commit has happened, and nobody was told.
    Committed,
}

impl Moment {
    /// Its name, as in the name of a fail point: `redeem.commit`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Commit => "commit",
            Self::Committed => "committed",
        }
    }
}

/// The connection broke here: at [`Moment::Committed`] the outcome of the commit is unknown to the
/// caller, before it nothing has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// Somebody who watches boundaries.
#[async_trait]
pub trait Watch: Send + Sync + 'static {
    /// A transaction of that name has come to a boundary. May never return: then the process died.
    async fn reached(&self, transaction: &str, moment: Moment) -> Result<(), Broken>;
}

/// The boundaries of one database: watched or not. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Boundary(Option<Arc<dyn Watch>>);

impl Boundary {
    pub(crate) fn watched_by(watch: Arc<dyn Watch>) -> Self {
        Self(Some(watch))
    }

    pub(crate) async fn reach(&self, transaction: &str, moment: Moment) -> Result<(), DbErr> {
        let Some(watch) = &self.0 else { return Ok(()) };
        watch.reached(transaction, moment).await.map_err(|Broken| {
            let what = format!("the connection broke at {transaction}.{}", moment.as_str());
            DbErr::Conn(RuntimeErr::Internal(what))
        })
    }
}

impl fmt::Debug for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Boundary(watched)" } else { "Boundary" })
    }
}

/// The name of a transaction: usually known at compile time.
pub type Name = Cow<'static, str>;
