//! What those who watch are told.

use std::sync::Mutex;

use contracts::{
    lane, method,
    room::{ADMIN, Kind},
};
use durable_grpc::RawCall;
use giveaway_api::{
    actions::{
        admit_to_rooms::admit_to_rooms, commit_draw::commit_due, draw_winners::draw_due,
        read_rooms::read_rooms,
    },
    domain::giveaway::GiveawayState,
    ids::{GiveawayId, HostId},
    store::{giveaway, host, winner},
};
use platform::{
    rooms::{self, Position, RoomState},
    token::hash_bearer,
};
use serde_json::{Value, json};

use crate::support::{Bed, LEAD_SECONDS, OPEN_SECONDS, Plan, REVIEW_SECONDS};

const FREEZE: i64 = OPEN_SECONDS + REVIEW_SECONDS as i64;
/// The round is public a period after the draw time at the latest.
const DRAW: i64 = FREEZE + LEAD_SECONDS as i64 + 3;

async fn read(bed: &Bed, room: &str, after: i64) -> Option<RoomState> {
    let position = Position { room: room.to_owned(), seq: after };
    read_rooms(bed.service(), vec![position], 100).await.unwrap().pop()
}

fn names(state: &RoomState) -> Vec<&str> {
    state.page.events.iter().map(|event| event.name.as_str()).collect()
}

fn data(state: &RoomState, name: &str) -> Vec<Value> {
    let of_name = state.page.events.iter().filter(|event| event.name == name);
    of_name.map(|event| serde_json::from_str(&event.data).unwrap()).collect()
}

async fn host_of(bed: &Bed, id: GiveawayId) -> HostId {
    HostId(giveaway::find(bed.db.read(), id).await.unwrap().unwrap().host_id)
}

#[tokio::test]
async fn a_room_tells_the_draw_from_the_freeze_to_its_winners() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan { units: 2, alternates: 1, ..Plan::default() }).await;
        let room = Kind::Giveaway.room(id);
        bed.enter_verified(id, 4).await;
        let open = read(&bed, &room, 0).await.unwrap();
        assert_eq!(open.snapshot["phase"], "open", "{}", bed.db);
        assert_eq!(open.snapshot["entrants"], 4, "{}", bed.db);
        assert!(open.snapshot["ends_at"].is_string(), "{}", bed.db);

        bed.advance_to(FREEZE);
        bed.close(id).await;
        commit_due(bed.service()).await.unwrap();
        bed.advance_to(DRAW);
        draw_due(bed.service()).await.unwrap();
        let drawn = read(&bed, &room, open.page.seq).await.unwrap();
        let expected = [
            "phase",
            "draw.committed",
            "phase",
            "draw.beacon",
            "draw.winner",
            "draw.winner",
            "draw.completed",
            "phase",
        ];
        assert_eq!(names(&drawn), expected, "{}", bed.db);
        let phases: Vec<Value> =
            data(&drawn, "phase").iter().map(|phase| phase["to"].clone()).collect();
        assert_eq!(phases, ["closed", "committed", "drawn"], "{}", bed.db);
        let winners = winner::of_giveaway(bed.db.read(), id).await.unwrap();
        let leaves: Vec<Value> = winners.iter().map(|winner| json!(winner.leaf())).collect();
        let told: Vec<Value> =
            data(&drawn, "draw.winner").iter().map(|winner| winner["leaf"].clone()).collect();
        assert_eq!(told, leaves, "{}", bed.db);
        assert_eq!(drawn.snapshot["phase"], "drawn", "{}", bed.db);
        assert_eq!(drawn.snapshot["ends_at"], Value::Null, "{}", bed.db);

        let host = host_of(&bed, id).await;
        let (name, email) = ("Ada".to_owned(), "ada@shop.example".to_owned());
        host::insert(bed.db.write(), host, name, email, bed.clock.now()).await.unwrap();
        let host = read(&bed, &Kind::Host.room(host), 0).await.unwrap();
        assert_eq!(data(&host, "phase").last().unwrap()["giveaway"], json!(id), "{}", bed.db);
        assert!(host.snapshot["wallet"].is_array(), "{}", bed.db);
    }
}

#[tokio::test]
async fn what_is_not_public_is_no_room_and_private_rooms_ask_for_a_token() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        let host = Kind::Host.room(host_of(&bed, id).await);
        let public = Kind::Giveaway.room(id);
        for none in
            ["giveaway:gvw_x", "merchant:x", "host:", "", &Kind::Giveaway.room(GiveawayId::new())]
        {
            assert!(read(&bed, none, 0).await.is_none(), "{}: {none}", bed.db);
        }
        let rooms = vec![public.clone(), host.clone(), ADMIN.to_owned(), "merchant:x".to_owned()];
        let admitted = |hash| admit_to_rooms(bed.service(), hash, rooms.clone());
        let stranger = hash_bearer("hs_test_nobody");
        assert_eq!(admitted(&stranger).await.unwrap(), rooms[..1], "{}", bed.db);
        let admin = bed.service().admin_token_hash;
        assert_eq!(admitted(&admin).await.unwrap(), rooms[..3], "{}", bed.db);

        let tx = bed.db.begin("hide").await.unwrap();
        let (from, to) = (GiveawayState::Open, GiveawayState::Cancelling);
        let now = bed.clock.now();
        assert!(giveaway::advance(&tx, id, from, to, "test", now).await.unwrap());
        drop(tx);
        let undone = read(&bed, &public, 0).await.unwrap();
        assert_eq!(undone.snapshot["phase"], "open", "{}", bed.db);
    }
}

#[tokio::test]
async fn each_room_with_news_is_announced_once() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        bed.close(id).await;
        let said = Mutex::new(Vec::new());
        let announce = async || {
            let (calls, shutdown) = (&bed.service().calls, &bed.service().shutdown);
            let call = |rooms: Vec<Position>| {
                said.lock().unwrap().extend(rooms);
                RawCall::new(lane::REALTIME, method::PUBLISH, Vec::new())
            };
            rooms::announce(&bed.db, calls, shutdown, call).await.unwrap();
            let mut said = std::mem::take(&mut *said.lock().unwrap());
            said.sort_by(|a, b| a.room.cmp(&b.room));
            said
        };
        let host = Kind::Host.room(host_of(&bed, id).await);
        let position = |room: String| Position { room, seq: 1 };
        let both = [position(Kind::Giveaway.room(id)), position(host)];
        assert_eq!(announce().await, both, "{}", bed.db);
        assert_eq!(announce().await, [], "{}", bed.db);
    }
}
