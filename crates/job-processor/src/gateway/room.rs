//! One room: how far it has got, and telling everybody in it.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use contracts::realtime::RoomEvent;
use serde::Serialize;
use serde_json::{Map, Value};
use socketioxide::{BroadcastError, SendError, SocketError, SocketIo, extract::SocketRef};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::Instant,
};

use super::{
    BUFFER,
    sources::Read,
    wire::{Happened, Reset, Resync, Snapshot},
};

/// Events that are kept for those who come back after a short while: as many as one reads at once.
const RECENT: usize = super::sources::EVENTS as usize;

/// Events sent one after the other; then whoever reads them gets a moment. Fewer than fit into a buffer, with
/// room for what else is sent.
const BURST: usize = BUFFER / 4;

/// The moment.
const BREATH: Duration = Duration::from_millis(50);

/// A snapshot in which nothing has changed is sent after so long: clocks drift.
const REPEAT: Duration = Duration::from_secs(10);

/// A room that somebody here is, or was a moment ago, in: whoever is has an [`Arc`] of it.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: String,
    /// As in [`Known::seq`], for those who only want to compare; -1 while nothing is known.
    seq: AtomicI64,
    /// Somebody asks the owner for what comes next.
    pub(crate) is_read: AtomicBool,
    known: Mutex<Option<Known>>,
}

/// What is known of it. Who holds it sees everybody in the room at the same event.
#[derive(Debug)]
pub(crate) struct Known {
    /// The number of the last event that everybody in the room was sent.
    pub(crate) seq: i64,
    /// The last events, in order.
    recent: VecDeque<Arc<(String, Happened)>>,
    snapshot: Snapshot,
    /// When the snapshot was asked for.
    asked: Instant,
    sent: Option<Instant>,
}

impl Room {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            seq: AtomicI64::new(-1),
            is_read: AtomicBool::new(false),
            known: Mutex::new(None),
        }
    }

    /// The number of the last event that everybody here was sent; none while nothing is known.
    pub(crate) fn seq(&self) -> Option<i64> {
        Some(self.seq.load(Ordering::Acquire)).filter(|seq| *seq >= 0)
    }

    /// Waits until nobody else brings it further.
    pub(crate) async fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().await
    }

    /// The same, if nobody does.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, Option<Known>>> {
        self.known.try_lock().ok()
    }

    /// Takes over what the owner says, and tells everybody in the room. Returns whether there is more to read.
    pub(crate) async fn advance(
        &self,
        io: &SocketIo,
        slot: &mut Option<Known>,
        read: Read,
    ) -> bool {
        let Read { state, server_time_ms, asked } = read;
        let snapshot = Snapshot {
            room: self.name.clone(),
            seq: state.seq,
            server_time_ms,
            state: object(&state.snapshot),
        };
        let Some(known) = slot else {
            // Nobody is in it yet. The last events were read with it, for those who come back.
            let recent: VecDeque<_> = state.events.into_iter().map(|e| self.happened(e)).collect();
            let seq = recent.back().map_or(state.seq, |last| last.1.seq);
            *slot = Some(Known { seq, recent, snapshot, asked, sent: None });
            self.seq.store(seq, Ordering::Release);
            return seq < state.seq;
        };
        if state.has_gap && state.seq != known.seq {
            known.seq = state.seq;
            known.recent.clear();
            self.tell(io, "reset", &Reset { room: &self.name, seq: state.seq }).await;
        }
        let mut in_a_row = 0;
        for event in state.events {
            // What was read may be older than what somebody else has read meanwhile.
            if event.seq != known.seq + 1 {
                continue;
            }
            if in_a_row == BURST {
                tokio::time::sleep(BREATH).await;
                in_a_row = 0;
            }
            in_a_row += 1;
            let happened = self.happened(event);
            self.tell(io, &happened.0, &happened.1).await;
            known.seq = happened.1.seq;
            known.remember(happened);
            self.seq.store(known.seq, Ordering::Release);
        }
        self.seq.store(known.seq, Ordering::Release);
        // What was asked for later is newer, whatever the owners' clocks say.
        if asked >= known.asked {
            known.asked = asked;
            self.refresh(io, known, snapshot).await;
        }
        known.seq < state.seq
    }

    /// Sends the snapshot if anything in it has changed, or to set clocks right.
    async fn refresh(&self, io: &SocketIo, known: &mut Known, snapshot: Snapshot) {
        let is_old = known.sent.is_none_or(|sent| sent.elapsed() >= REPEAT);
        let has_changed = snapshot.state != known.snapshot.state;
        known.snapshot = snapshot;
        if is_old || has_changed {
            known.sent = Some(Instant::now());
            let current = known.snapshot();
            self.tell(io, "snapshot", &current).await;
        }
    }

    /// Sends something to everybody in the room. Who cannot take it leaves the room, and is told to join again
    /// once it can read that.
    async fn tell<T: Serialize + Sync>(&self, io: &SocketIo, name: &str, data: &T) {
        let Err(error) = io.to(self.name.clone()).emit(name, data).await else { return };
        if !is_full(&error) {
            return;
        }
        // Which of them it was is not told. To get it twice does no harm: it is numbered.
        for socket in io.within(self.name.clone()).sockets() {
            if let Err(SendError::Socket(SocketError::InternalChannelFull)) =
                socket.emit(name, data)
            {
                self.shed(socket);
            }
        }
    }

    /// Takes somebody out who cannot take what is sent, and has them told to join again.
    pub(crate) fn shed(&self, socket: SocketRef) {
        socket.leave(self.name.clone());
        tokio::spawn(resync(socket, self.name.clone()));
    }

    fn happened(&self, event: RoomEvent) -> Arc<(String, Happened)> {
        let happened = Happened {
            room: self.name.clone(),
            seq: event.seq,
            at_ms: event.at_ms,
            data: Value::Object(object(&event.data)),
        };
        Arc::new((event.name, happened))
    }
}

impl Known {
    /// The snapshot, as of the last event that was sent, with the owner's clock gone on since.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let since = i64::try_from(self.asked.elapsed().as_millis()).unwrap_or_default();
        let server_time_ms = self.snapshot.server_time_ms.saturating_add(since);
        Snapshot { seq: self.seq, server_time_ms, ..self.snapshot.clone() }
    }

    /// What came after a number; none when it is not known any more, or the number is not of this room.
    pub(crate) fn after(&self, seq: i64) -> Option<Vec<Arc<(String, Happened)>>> {
        if seq == self.seq {
            return Some(Vec::new());
        }
        let first = self.recent.front()?.1.seq;
        let is_known = (first - 1..=self.seq).contains(&seq);
        is_known
            .then(|| self.recent.iter().filter(|happened| happened.1.seq > seq).cloned().collect())
    }

    fn remember(&mut self, happened: Arc<(String, Happened)>) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(happened);
    }
}

/// Tells a slow client to join again as soon as it can hear that.
async fn resync(socket: SocketRef, room: String) {
    metrics::counter!("gateway_slow_clients_total").increment(1);
    while socket.connected() {
        match socket.emit("resync", &Resync { room: &room }) {
            Err(SendError::Socket(SocketError::InternalChannelFull)) => {}
            _ => return,
        }
        tokio::time::sleep(REPEAT / 10).await;
    }
}

fn is_full(error: &BroadcastError) -> bool {
    match error {
        BroadcastError::Socket(errors) => {
            errors.iter().any(|error| matches!(error, SocketError::InternalChannelFull))
        }
        _ => false,
    }
}

/// An object that another of our services wrote.
fn object(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_else(|error| {
        tracing::error!(%error, "what a room's owner says is no object");
        Map::new()
    })
}
