//! The owners of rooms: asked directly, about many rooms at once.

use std::time::Duration;

use contracts::{
    realtime::{
        AdmitToRoomsRequest, ReadRoomsRequest, RoomPosition, RoomState,
        room_service_client::RoomServiceClient,
    },
    room::{self, Kind},
};
use durable_grpc::DirectChannel;
use futures::future::try_join_all;
use tokio::time::Instant;
use tonic::{Request, Status};

/// Reading takes milliseconds; who waits for it looks at a page.
const DEADLINE: Duration = Duration::from_secs(2);

/// Rooms in one request.
const ROOMS: usize = 200;

/// The longest answer, in bytes: of many rooms that are far behind.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Events of one room in one answer.
pub(crate) const EVENTS: u32 = 100;

/// What an owner said about a room.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) state: RoomState,
    /// The owner's clock, Unix milliseconds.
    pub(crate) server_time_ms: i64,
    /// When it was asked.
    pub(crate) asked: Instant,
}

/// The owners.
#[derive(Debug)]
pub(crate) struct Sources {
    giveaway: DirectChannel,
    giftcard: DirectChannel,
}

impl Sources {
    pub(crate) fn new(giveaway: DirectChannel, giftcard: DirectChannel) -> Self {
        Self { giveaway, giftcard }
    }

    /// What rooms have to say. Those that do not exist are left out; so are all of an owner that does not
    /// answer, and then this fails unless another did.
    pub(crate) async fn read(&self, after: Vec<RoomPosition>) -> Result<Vec<Read>, Status> {
        let mut parts = Vec::new();
        for (owner, after) in self.by_owner(after, |at| &at.room) {
            for after in after.chunks(ROOMS) {
                parts.push(read(owner.clone(), after.to_vec()));
            }
        }
        let count = parts.len();
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for part in futures::future::join_all(parts).await {
            match part {
                Ok(rooms) => found.extend(rooms),
                Err(status) => {
                    tracing::warn!(code = ?status.code(), "some rooms cannot be read");
                    failures.push(status);
                }
            }
        }
        match failures.pop() {
            Some(status) if failures.len() + 1 == count => Err(status),
            _ => Ok(found),
        }
    }

    /// Which of these rooms the holder of a token may be in.
    pub(crate) async fn admit(
        &self,
        token_hash: [u8; 32],
        rooms: Vec<String>,
    ) -> Result<Vec<String>, Status> {
        let ask = |(owner, rooms): (DirectChannel, Vec<String>)| async move {
            let token_hash = token_hash.to_vec().into();
            let mut request = Request::new(AdmitToRoomsRequest { token_hash, rooms });
            request.set_timeout(DEADLINE);
            let answer = RoomServiceClient::new(owner).admit_to_rooms(request).await?;
            Ok::<_, Status>(answer.into_inner().rooms)
        };
        let answers = try_join_all(self.by_owner(rooms, |room| room).into_iter().map(ask)).await?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// Rooms of a kind go together: those of giveaways are read all at once, and what is wrong with one of
    /// another kind, or slow about it, must not keep them from their news.
    fn by_owner<T>(
        &self,
        of_rooms: Vec<T>,
        room: impl Fn(&T) -> &String,
    ) -> Vec<(DirectChannel, Vec<T>)> {
        let (mut public, mut giveaway, mut giftcard) = (Vec::new(), Vec::new(), Vec::new());
        for one in of_rooms {
            match room::parse(room(&one)) {
                Some((Kind::Giveaway, _)) => public.push(one),
                Some((Kind::Merchant, _)) => giftcard.push(one),
                _ => giveaway.push(one),
            }
        }
        [(&self.giveaway, public), (&self.giveaway, giveaway), (&self.giftcard, giftcard)]
            .into_iter()
            .filter(|(_, rooms)| !rooms.is_empty())
            .map(|(owner, rooms)| (owner.clone(), rooms))
            .collect()
    }
}

async fn read(owner: DirectChannel, after: Vec<RoomPosition>) -> Result<Vec<Read>, Status> {
    let mut request = Request::new(ReadRoomsRequest { after, limit: EVENTS });
    request.set_timeout(DEADLINE);
    let asked = Instant::now();
    let mut client = RoomServiceClient::new(owner).max_decoding_message_size(MAX_ANSWER);
    let answer = client.read_rooms(request).await?.into_inner();
    let server_time_ms = answer.server_time_ms;
    Ok(answer.rooms.into_iter().map(|state| Read { state, server_time_ms, asked }).collect())
}
