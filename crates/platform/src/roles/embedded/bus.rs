//! Messages within this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;

use super::super::{Bus, Heard, Listener, bus::Ear};

/// [`Bus`] in this process's memory. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct EmbeddedBus(Arc<Mutex<HashMap<String, Vec<Ear>>>>);

#[async_trait]
impl Bus for EmbeddedBus {
    async fn send(&self, channel: &str, message: Bytes) {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ears) = channels.get_mut(channel) {
            ears.retain_mut(|ear| ear.tell(Heard::Message(message.clone())));
        }
    }

    async fn listen(&self, channel: &str) -> Listener {
        let (ear, listener) = Listener::new();
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        channels.entry(channel.to_owned()).or_default().push(ear);
        listener
    }
}
