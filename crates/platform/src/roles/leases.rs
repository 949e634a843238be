//! Who does what only one of several processes needs to do.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;

/// How it stands with a lease that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is ours until its time is over. The number grows whenever it is taken anew, for as long as the
    /// server keeps its memory: who has a lower one has lost it.
    Ours(u64),
    /// Another has it.
    Others,
    /// Nobody can say now.
    Unknown,
}

/// Leases by name. One that ends is free for whoever asks first, so a holder may find out late that its time
/// was over: what must not be done twice is protected by its rows besides.
#[async_trait]
pub trait Leases: Debug + Send + Sync {
    /// Takes a lease that nobody has, or makes ours last `time` from now.
    async fn hold(&self, name: &str, time: Duration) -> Hold;

    /// Gives back a lease that we hold. Another's stays.
    async fn give_back(&self, name: &str);
}
