//! Telling every instance something at once.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

/// What somebody who listens hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// What somebody sent, perhaps we ourselves.
    Message(Bytes),
    /// Something may have been sent that was not heard: look for yourself.
    Missed,
}

/// Messages to everybody who listens now. Each is heard once by each, or not at all while the server is away;
/// who listens is told when that may have been.
#[async_trait]
pub trait Bus: Debug + Send + Sync {
    /// Sends a message. Whether anybody hears it is not known.
    async fn send(&self, channel: &str, message: Bytes);

    /// Listens from now on, until the listener is dropped. Must be called within a tokio runtime.
    async fn listen(&self, channel: &str) -> Listener;
}

/// Somebody who listens.
#[derive(Debug)]
pub struct Listener(mpsc::Receiver<Heard>);

/// Messages that wait for somebody slow; when there are more, it is told that it has missed some.
const WAITING: usize = 1_024;

impl Listener {
    /// One who listens, and how it is told.
    pub(super) fn new() -> (Ear, Self) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Ear { sender, has_missed: false }, Self(receiver))
    }

    /// What is heard next; none once nothing will be.
    pub async fn hear(&mut self) -> Option<Heard> {
        self.0.recv().await
    }
}

/// The other end of a [`Listener`].
#[derive(Debug)]
pub(super) struct Ear {
    sender: mpsc::Sender<Heard>,
    has_missed: bool,
}

impl Ear {
    /// Tells it something. False when nobody listens any more.
    pub(super) fn tell(&mut self, heard: Heard) -> bool {
        if self.has_missed {
            match self.sender.try_send(Heard::Missed) {
                Ok(()) => self.has_missed = false,
                Err(mpsc::error::TrySendError::Full(_)) => return true,
                Err(mpsc::error::TrySendError::Closed(_)) => return false,
            }
        }
        match self.sender.try_send(heard) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.has_missed = true;
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }

    /// Whether nobody listens any more.
    pub(super) fn is_gone(&self) -> bool {
        self.sender.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_slow_is_told_so() {
        let (mut ear, mut listener) = Listener::new();
        let message = |n: usize| Heard::Message(Bytes::from(n.to_string()));
        for n in 0..WAITING + 5 {
            assert!(ear.tell(message(n)));
        }
        for n in 0..WAITING {
            assert_eq!(listener.hear().await, Some(message(n)));
        }
        assert!(ear.tell(message(0)));
        assert_eq!(listener.hear().await, Some(Heard::Missed));
        assert_eq!(listener.hear().await, Some(message(0)));
        drop(listener);
        assert!(!ear.tell(message(0)));
    }
}
