//! A connection's life: who it is, which rooms it joins and leaves.

use std::{
    convert::Infallible,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use contracts::room::{self, Kind};
use platform::{
    http::Bearer,
    roles::{Quota, UsedUp},
    token::hash_bearer,
};
use socketioxide::{
    extract::{AckSender, SocketRef, TryData},
    handler::ConnectHandler as _,
};

use super::{
    Hub, Session,
    room::Room,
    sources::EVENTS,
    wire::{Answer, Handshake, Join, Joined, Leave, Refusal},
};

/// Rooms that one connection may be in.
const MAX_ROOMS: usize = 20;

/// The longest name of a room that is looked for.
const MAX_NAME: usize = 100;

/// How often one connection may join: a page joins a few rooms, and joins them again when it comes back.
const JOINS: Quota =
    Quota::new("gateway.join", NonZeroU32::new(60).expect("not zero"), Duration::from_secs(60));

/// Who is at the other end.
pub(crate) struct Visitor {
    /// SHA-256 of the token that was given, or of the session of who is signed in.
    pub(crate) token_hash: Option<[u8; 32]>,
    /// The rooms it is in, which exist for as long as somebody is.
    pub(crate) rooms: Mutex<Vec<Arc<Room>>>,
    /// Held by whoever changes where it is: it joins, or leaves, or is sent out, one after the other.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// How many there are.
    count: Arc<AtomicUsize>,
}

impl Visitor {
    fn new(token_hash: Option<[u8; 32]>, count: &Arc<AtomicUsize>) -> Self {
        show(count.fetch_add(1, Ordering::Relaxed) + 1);
        let (rooms, turn) = Default::default();
        Self { token_hash, rooms, turn, count: count.clone() }
    }

    fn is_in(&self, room: &str) -> bool {
        self.lock().iter().any(|known| known.name == room)
    }

    fn enter(&self, room: Arc<Room>) {
        let mut rooms = self.lock();
        rooms.retain(|known| known.name != room.name);
        rooms.push(room);
    }

    /// Forgets a room.
    pub(crate) fn leave(&self, room: &str) {
        self.lock().retain(|known| known.name != room);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        show(self.count.fetch_sub(1, Ordering::Relaxed) - 1);
    }
}

/// Has the hub take connections. What a client may say is listened to before it is told that it is connected:
/// it may say it at once.
pub(crate) fn listen(hub: &Arc<Hub>) {
    let hub_of_all = hub.clone();
    let listens = async move |socket: SocketRef, TryData(said): TryData<Handshake>| {
        connecting(&hub_of_all, &socket, said.ok());
        Ok::<_, Infallible>(())
    };
    hub.io.ns("/", (async || {}).with(listens));
}

fn connecting(hub: &Arc<Hub>, socket: &SocketRef, said: Option<Handshake>) {
    let token_hash = match said.and_then(|said| said.token) {
        Some(token) => Some(hash_bearer(&token)),
        // Of a program that can set headers, or of a page of ours.
        None => {
            let parts = socket.req_parts();
            let of_page = || parts.extensions.get::<Session>().map(|session| session.0);
            Bearer::of(parts).map(|token| token.hash()).or_else(of_page)
        }
    };
    let visitor = Arc::new(Visitor::new(token_hash, &hub.connections));
    let (own, who) = (hub.clone(), visitor.clone());
    socket.on(
        "join",
        async move |socket: SocketRef, TryData(join): TryData<Join>, ack: AckSender| {
            let mut ack = Some(ack);
            let refused = match join {
                Ok(join) => own.join(&socket, &who, join, &mut ack).await.err().map(Answer::from),
                Err(_) => Some(unreadable("join", r#"{"room": "giveaway:gvw_…", "seq": 17}"#)),
            };
            if let (Some(refused), Some(ack)) = (refused, ack) {
                // Who cannot take the answer is not there, or far behind; its client asks again.
                let _ = ack.send(&refused);
            }
        },
    );
    let (own, who) = (hub.clone(), visitor.clone());
    socket.on(
        "leave",
        async move |socket: SocketRef, TryData(leave): TryData<Leave>, ack: AckSender| {
            let answer = match leave {
                Ok(Leave { room }) => {
                    let _turn = who.turn.lock().await;
                    own.leave(&socket, &who, &room);
                    Answer::Left { ok: true }
                }
                Err(_) => unreadable("leave", r#"{"room": "giveaway:gvw_…"}"#),
            };
            let _ = ack.send(&answer);
        },
    );
    let hub = hub.clone();
    socket.on_disconnect(async move |socket: SocketRef| {
        hub.rights.forget(socket.id);
        visitor.lock().clear();
    });
}

impl Hub {
    /// Sends what was missed, answers, and sends everything from then on.
    async fn join(
        &self,
        socket: &SocketRef,
        visitor: &Arc<Visitor>,
        join: Join,
        ack: &mut Option<AckSender>,
    ) -> Result<(), Refusal> {
        let Join { room: name, seq } = join;
        let kind = room::parse(&name)
            .filter(|_| name.len() <= MAX_NAME)
            .map(|(kind, _)| kind)
            .ok_or_else(|| Refusal::new("not_found", "there is no such room"))?;
        let _turn = visitor.turn.lock().await;
        if !visitor.is_in(&name) && visitor.lock().len() >= MAX_ROOMS {
            let much = format!("one connection is in {MAX_ROOMS} rooms at most");
            return Err(Refusal::new("too_many_rooms", much));
        }
        if let Err(UsedUp { wait, .. }) = self.joins.attempt(&JOINS, &socket.id.to_string()).await {
            let wait = format!("try again in {} seconds", wait.as_secs() + 1);
            return Err(Refusal::new("too_many_joins", wait));
        }
        self.admit(kind, &name, visitor).await?;
        let room = self.rooms.enter(&name);
        self.know(&room).await?;
        if let Some(seq) = seq.filter(|seq| room.seq().is_some_and(|known| known < *seq)) {
            // Another gateway was further, or so the client says.
            self.catch_up(&room, seq).await;
        }
        self.replay(socket, &room, seq, ack).await?;
        // Whoever went meanwhile was taken out of its rooms before it was in this one.
        if !socket.connected() {
            socket.leave_all();
            return Ok(());
        }
        visitor.enter(room);
        if !kind.is_public() {
            self.rights.watch(socket.id, visitor);
        }
        Ok(())
    }

    async fn admit(&self, kind: Kind, room: &str, visitor: &Visitor) -> Result<(), Refusal> {
        if kind.is_public() {
            return Ok(());
        }
        let forbidden = || Refusal::new("forbidden", "this room needs a token that may see it");
        let token_hash = visitor.token_hash.ok_or_else(forbidden)?;
        let admitted = self.sources.admit(token_hash, vec![room.to_owned()]).await;
        let admitted = admitted.map_err(|status| {
            tracing::warn!(code = ?status.code(), "who may be in a room is not known");
            Refusal::new("unavailable", "the token cannot be checked now; try again in a moment")
        })?;
        if admitted.is_empty() { Err(forbidden()) } else { Ok(()) }
    }

    /// Sends what came after `seq`, and has the connection hear what follows: nothing comes in between, because
    /// nobody brings the room further meanwhile.
    async fn replay(
        &self,
        socket: &SocketRef,
        room: &Room,
        seq: Option<i64>,
        ack: &mut Option<AckSender>,
    ) -> Result<(), Refusal> {
        let slot = room.lock().await;
        let known = slot.as_ref().ok_or_else(|| Refusal::new("unavailable", "try again"))?;
        let missed = seq.map_or(Some(Vec::new()), |seq| known.after(seq));
        let reset = missed.is_none();
        for happened in missed.into_iter().flatten() {
            if socket.emit(&happened.0, &happened.1).is_err() {
                room.shed(socket.clone());
                let much = format!("read what was sent first; there are {EVENTS} events at most");
                return Err(Refusal::new("too_slow", much));
            }
        }
        socket.join(room.name.clone());
        let (seq, snapshot) = (known.seq, known.snapshot());
        let joined = Joined { ok: true, room: room.name.clone(), seq, reset, snapshot };
        if let Some(Err(_)) = ack.take().map(|ack| ack.send(&Answer::Joined(joined))) {
            room.shed(socket.clone());
        }
        Ok(())
    }

    fn leave(&self, socket: &SocketRef, visitor: &Visitor, room: &str) {
        socket.leave(room.to_owned());
        visitor.leave(room);
    }
}

fn unreadable(event: &str, example: &str) -> Answer {
    Refusal::new("bad_request", format!("`{event}` takes an object like {example}")).into()
}

fn show(connections: usize) {
    metrics::gauge!("gateway_connections").set(u32::try_from(connections).unwrap_or(u32::MAX));
}
