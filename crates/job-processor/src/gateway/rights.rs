//! Private rooms are left when the right is lost: whoever is in one is asked about every few seconds.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use contracts::room;
use futures::StreamExt as _;
use socketioxide::{extract::SocketRef, socket::Sid};

use super::{Hub, sockets::Visitor, wire::Left};

/// A right that was lost is noticed after so long.
const EVERY: Duration = Duration::from_secs(5);

/// Visitors asked about at a time.
const AT_ONCE: usize = 8;

/// Who is in private rooms.
#[derive(Default)]
pub(crate) struct Rights(Mutex<HashMap<Sid, Arc<Visitor>>>);

impl Rights {
    /// From now on somebody is asked about.
    pub(crate) fn watch(&self, id: Sid, visitor: &Arc<Visitor>) {
        self.lock().insert(id, visitor.clone());
    }

    /// Somebody is gone.
    pub(crate) fn forget(&self, id: Sid) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Sid, Arc<Visitor>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks about everybody, again and again.
pub(crate) fn start(hub: &Arc<Hub>) {
    let hub = hub.clone();
    hub.shutdown.clone().spawn(async move {
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => hub.check_rights().await,
                () = hub.over.requested() => return,
            }
        }
    });
}

impl Hub {
    async fn check_rights(&self) {
        let watched: Vec<_> =
            self.rights.lock().iter().map(|(id, who)| (*id, who.clone())).collect();
        futures::stream::iter(watched)
            .for_each_concurrent(AT_ONCE, |(id, who)| async move {
                match self.io.get_socket(id) {
                    Some(socket) => self.check_rights_of(&socket, &who).await,
                    None => self.rights.forget(id),
                }
            })
            .await;
    }

    async fn check_rights_of(&self, socket: &SocketRef, visitor: &Visitor) {
        let _turn = visitor.turn.lock().await;
        let is_private =
            |name: &String| room::parse(name).is_some_and(|(kind, _)| !kind.is_public());
        let rooms: Vec<String> = visitor
            .rooms
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|room| room.name.clone())
            .filter(is_private)
            .collect();
        let Some(token_hash) = visitor.token_hash.filter(|_| !rooms.is_empty()) else { return };
        // While nobody can say, nothing was lost.
        let Ok(admitted) = self.sources.admit(token_hash, rooms.clone()).await else { return };
        for room in rooms.iter().filter(|room| !admitted.contains(room)) {
            socket.leave(room.clone());
            visitor.leave(room);
            let _ = socket.emit("left", &Left { room, code: "forbidden" });
        }
    }
}
