//! What gateways ask.

use contracts::realtime::{
    AdmitToRoomsRequest, AdmitToRoomsResponse, ReadRoomsRequest, ReadRoomsResponse, RoomEvent,
    RoomState, room_service_server::RoomService,
};
use platform::rooms::{self, Logged, Position};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{
    actions::{admit_to_rooms::admit_to_rooms, read_rooms::read_rooms},
    error::Error,
};

/// Rooms in one request.
const MAX_ROOMS: usize = 200;

/// Events of one room in one answer.
const MAX_EVENTS: u32 = 200;

#[tonic::async_trait]
impl RoomService for Rpc {
    async fn read_rooms(
        &self,
        request: Request<ReadRoomsRequest>,
    ) -> Result<Response<ReadRoomsResponse>, Status> {
        let ReadRoomsRequest { after, limit } = request.into_inner();
        check(after.len(), "/after")?;
        let limit = limit.clamp(1, MAX_EVENTS);
        let positions = after.into_iter().map(|at| Position { room: at.room, seq: at.seq });
        // Before it is read: it must not be newer than what is read.
        let server_time_ms = self.0.clock.now_ms();
        let rooms = read_rooms(&self.0, positions.collect(), limit.into()).await?;
        Ok(Response::new(ReadRoomsResponse {
            rooms: rooms.into_iter().map(state).collect(),
            server_time_ms,
        }))
    }

    async fn admit_to_rooms(
        &self,
        request: Request<AdmitToRoomsRequest>,
    ) -> Result<Response<AdmitToRoomsResponse>, Status> {
        let AdmitToRoomsRequest { token_hash, rooms } = request.into_inner();
        check(rooms.len(), "/rooms")?;
        let token_hash: [u8; 32] = token_hash
            .as_ref()
            .try_into()
            .map_err(|_| Error::field("/token_hash", "must be of 32 bytes"))?;
        let rooms = admit_to_rooms(&self.0, &token_hash, rooms).await?;
        Ok(Response::new(AdmitToRoomsResponse { rooms }))
    }
}

fn check(rooms: usize, pointer: &'static str) -> Result<(), Error> {
    if rooms > MAX_ROOMS {
        return Err(Error::field(pointer, format!("at most {MAX_ROOMS} rooms are read at once")));
    }
    Ok(())
}

fn state(state: rooms::RoomState) -> RoomState {
    let event = |event: Logged| RoomEvent {
        seq: event.seq,
        name: event.name,
        data: event.data,
        at_ms: event.at_ms,
    };
    RoomState {
        room: state.room,
        seq: state.page.seq,
        events: state.page.events.into_iter().map(event).collect(),
        has_gap: state.page.has_gap,
        snapshot: state.snapshot.to_string(),
    }
}
