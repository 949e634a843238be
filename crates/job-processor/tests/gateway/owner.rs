//! An owner of rooms, whom tests have say things.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use contracts::realtime::{
    AdmitToRoomsRequest, AdmitToRoomsResponse, ReadRoomsRequest, ReadRoomsResponse, RoomEvent,
    RoomState,
    room_service_server::{RoomService, RoomServiceServer},
};
use platform::token::hash_bearer;
use serde_json::json;
use tonic::{Request, Response, Status, service::Routes};

/// Clones are the same owner.
#[derive(Clone, Default)]
pub(crate) struct Owner(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    rooms: BTreeMap<String, Room>,
    /// Who may be where.
    rights: BTreeSet<(Vec<u8>, String)>,
    is_away: bool,
    reads: u32,
    time_ms: i64,
}

#[derive(Default)]
struct Room {
    events: Vec<RoomEvent>,
    forgotten: i64,
    entrants: u64,
}

impl Owner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn routes(&self) -> Routes {
        Routes::new(RoomServiceServer::new(self.clone()))
    }

    /// Makes a room.
    pub(crate) fn open(&self, room: &str) {
        self.lock().rooms.insert(room.to_owned(), Room::default());
    }

    /// Lets something happen in a room, and tells its number.
    pub(crate) fn happen(&self, room: &str, name: &str) -> i64 {
        let mut state = self.lock();
        let events = &mut state.rooms.get_mut(room).unwrap().events;
        let seq = i64::try_from(events.len()).unwrap() + 1;
        let data = json!({ "n": seq }).to_string();
        events.push(RoomEvent { seq, name: name.to_owned(), data, at_ms: 1_000 + seq });
        seq
    }

    /// Forgets the events up to a number.
    pub(crate) fn forget(&self, room: &str, seq: i64) {
        self.lock().rooms.get_mut(room).unwrap().forgotten = seq;
    }

    /// Changes what is volatile.
    pub(crate) fn count(&self, room: &str, entrants: u64) {
        self.lock().rooms.get_mut(room).unwrap().entrants = entrants;
    }

    /// Gives a right.
    pub(crate) fn grant(&self, token: &str, room: &str) {
        self.lock().rights.insert((hash_bearer(token).to_vec(), room.to_owned()));
    }

    /// Takes all rights.
    pub(crate) fn revoke_all(&self) {
        self.lock().rights.clear();
    }

    /// Whether nobody answers.
    pub(crate) fn set_away(&self, is_away: bool) {
        self.lock().is_away = is_away;
    }

    /// How often it was read.
    pub(crate) fn reads(&self) -> u32 {
        self.lock().reads
    }
}

#[tonic::async_trait]
impl RoomService for Owner {
    async fn read_rooms(
        &self,
        request: Request<ReadRoomsRequest>,
    ) -> Result<Response<ReadRoomsResponse>, Status> {
        let ReadRoomsRequest { after, limit } = request.into_inner();
        let mut state = self.lock();
        state.reads += 1;
        state.time_ms += 1;
        if state.is_away {
            return Err(Status::unavailable("away"));
        }
        let limit = usize::try_from(limit).unwrap();
        let mut rooms = Vec::new();
        for at in after {
            let Some(room) = state.rooms.get(&at.room) else { continue };
            let seq = i64::try_from(room.events.len()).unwrap();
            let from = if at.seq < 0 { seq.saturating_sub_unsigned(limit as u64) } else { at.seq };
            let has_gap = at.seq > seq || (at.seq >= 0 && at.seq < room.forgotten);
            let kept = room.events.iter().filter(|e| e.seq > Ord::max(from, room.forgotten));
            rooms.push(RoomState {
                room: at.room,
                seq,
                events: if has_gap { Vec::new() } else { kept.take(limit).cloned().collect() },
                has_gap,
                snapshot: json!({ "entrants": room.entrants }).to_string(),
            });
        }
        Ok(Response::new(ReadRoomsResponse { rooms, server_time_ms: state.time_ms }))
    }

    async fn admit_to_rooms(
        &self,
        request: Request<AdmitToRoomsRequest>,
    ) -> Result<Response<AdmitToRoomsResponse>, Status> {
        let AdmitToRoomsRequest { token_hash, rooms } = request.into_inner();
        let state = self.lock();
        if state.is_away {
            return Err(Status::unavailable("away"));
        }
        let may = |room: &String| state.rights.contains(&(token_hash.to_vec(), room.clone()));
        let rooms = rooms.into_iter().filter(may).collect();
        Ok(Response::new(AdmitToRoomsResponse { rooms }))
    }
}
