//! The rooms that somebody here is in, kept up with their owners.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak, atomic::Ordering},
    time::Duration,
};

use contracts::{processor::PublishRequest, realtime::RoomPosition};
use platform::roles::Heard;
use prost::Message as _;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Hub, room::Room, wire::Refusal};

/// What gateways tell each other: a [`PublishRequest`].
pub(crate) const CHANNEL: &str = "rooms";

/// Owners are asked about all rooms so often, and so often a snapshot is sent at most.
const PULSE: Duration = Duration::from_millis(500);

/// After an owner did not answer, who wants to join is told so for this long without asking again.
const PATIENCE: Duration = Duration::from_millis(500);

/// Asks for the last events of a room.
const LAST: i64 = platform::rooms::LAST;

/// The rooms, by their names. They are gone once nobody is in them.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: Mutex<HashMap<String, Weak<Room>>>,
    unanswered: Mutex<Option<Instant>>,
}

impl Rooms {
    /// A room, perhaps one that nothing is known of yet.
    pub(crate) fn enter(&self, name: &str) -> Arc<Room> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.get(name).and_then(Weak::upgrade) {
            return room;
        }
        let room = Arc::new(Room::new(name));
        rooms.insert(name.to_owned(), Arc::downgrade(&room));
        room
    }

    /// A room that somebody is in.
    fn find(&self, name: &str) -> Option<Arc<Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).get(name)?.upgrade()
    }

    /// All that somebody is in.
    pub(crate) fn all(&self) -> Vec<Arc<Room>> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.retain(|_, room| room.strong_count() > 0);
        rooms.values().filter_map(Weak::upgrade).collect()
    }

    fn answered(&self, is_answered: bool) {
        let mut since = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        *since = (!is_answered).then(Instant::now);
    }

    fn is_away(&self) -> bool {
        let since = *self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() < PATIENCE)
    }
}

impl Hub {
    /// Makes sure that a room is known.
    ///
    /// # Errors
    /// When it does not exist, or nobody can say now.
    pub(crate) async fn know(&self, room: &Room) -> Result<(), Refusal> {
        let mut slot = room.lock().await;
        if slot.is_some() {
            return Ok(());
        }
        let unavailable =
            || Refusal::new("unavailable", "the room cannot be read now; try again in a moment");
        if self.rooms.is_away() {
            return Err(unavailable());
        }
        let last = RoomPosition { room: room.name.clone(), seq: LAST };
        let read = self.sources.read(vec![last]).await;
        self.rooms.answered(read.is_ok());
        let read = read.map_err(|_| unavailable())?;
        let Some(read) = read.into_iter().next() else {
            return Err(Refusal::new("not_found", "there is no such room"));
        };
        room.advance(&self.io, &mut slot, read).await;
        Ok(())
    }

    /// Brings a room as far as it is at its owner, unless somebody is about to. Nobody waits for the owner with
    /// the room locked: who joins must not wait for an owner that is away.
    pub(crate) async fn catch_up(&self, room: &Room, to: i64) {
        if room.is_read.swap(true, Ordering::AcqRel) {
            return;
        }
        while let Some(seq) = room.seq().filter(|seq| *seq < to) {
            let after = RoomPosition { room: room.name.clone(), seq };
            // The next pulse tries again.
            let read = self.sources.read(vec![after]).await;
            let Some(read) = read.ok().and_then(|read| read.into_iter().next()) else { break };
            let has_more = room.advance(&self.io, &mut *room.lock().await, read).await;
            if !has_more {
                break;
            }
        }
        room.is_read.store(false, Ordering::Release);
    }

    /// Asks the owners about all rooms.
    async fn pulse(self: &Arc<Self>) {
        let rooms = self.rooms.all();
        metrics::gauge!("gateway_rooms").set(u32::try_from(rooms.len()).unwrap_or(u32::MAX));
        let position =
            |room: &Arc<Room>| Some(RoomPosition { room: room.name.clone(), seq: room.seq()? });
        let after: Vec<RoomPosition> = rooms.iter().filter_map(position).collect();
        if after.is_empty() {
            return;
        }
        // The next pulse tries again.
        let Ok(read) = self.sources.read(after).await else { return };
        for read in read {
            let Some(room) = self.rooms.find(&read.state.room) else { continue };
            let (hub, seq) = (self.clone(), read.state.seq);
            let advance = async move {
                // Who holds it brings it further.
                let Some(mut slot) = room.try_lock() else { return };
                let has_more = room.advance(&hub.io, &mut slot, read).await;
                drop(slot);
                if has_more {
                    hub.catch_up(&room, seq).await;
                }
            };
            // A room in which much happened takes its time, and does not keep others from theirs.
            tokio::spawn(advance);
        }
    }

    fn hear(self: &Arc<Self>, news: &[u8]) {
        let Ok(PublishRequest { rooms }) = PublishRequest::decode(news) else {
            tracing::error!("what another gateway says makes no sense");
            return;
        };
        for RoomPosition { room, seq } in rooms {
            let Some(room) = self.rooms.find(&room) else { continue };
            if room.seq().is_some_and(|known| known < seq) {
                let hub = self.clone();
                tokio::spawn(async move { hub.catch_up(&room, seq).await });
            }
        }
    }
}

/// Listens to the other gateways, and looks after all rooms twice a second.
pub(crate) fn start(hub: &Arc<Hub>) {
    let listening = hub.clone();
    hub.shutdown.spawn(async move {
        let mut listener = listening.bus.listen(CHANNEL).await;
        loop {
            let heard = tokio::select! {
                heard = listener.hear() => heard,
                () = listening.over.requested() => return,
            };
            match heard {
                Some(Heard::Message(news)) => listening.hear(&news),
                Some(Heard::Missed) => listening.pulse().await,
                None => return,
            }
        }
    });
    let beating = hub.clone();
    hub.shutdown.spawn(async move {
        let mut beat = interval(PULSE);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beat.tick() => beating.pulse().await,
                () = beating.over.requested() => return,
            }
        }
    });
}
