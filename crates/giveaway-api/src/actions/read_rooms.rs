//! What the rooms `giveaway:…`, `host:…` and `admin` have to say: what happened in them, and a snapshot
//! of everything that changes too often to be told.

use std::collections::{BTreeMap, HashMap};

use contracts::room::{self, Kind};
use platform::{
    outbox,
    rooms::{self, Page, Position, RoomState},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::wallet;
use crate::{
    error::Result,
    ids::{GiveawayId, HostId},
    service::Service,
    store::{
        entry_count::{self, Counts},
        host, saga,
        standing::{self, Standing},
    },
};

/// Giveaways in a host's snapshot.
const SHOWN: u64 = 50;

/// Reads rooms after the positions given. Those that do not exist, or are not ours, are left out.
///
/// # Errors
/// When the database fails.
pub async fn read_rooms(
    service: &Service,
    after: Vec<Position>,
    limit: u64,
) -> Result<Vec<RoomState>> {
    let mut snapshots = giveaways(service, &after).await?;
    for position in &after {
        let name = position.room.as_str();
        let snapshot = match room::parse(name) {
            Some((Kind::Host, id)) => match id.parse() {
                Ok(id) => of_host(service, id).await?,
                Err(_) => None,
            },
            Some((Kind::Admin, _)) => Some(of_admin(service).await?),
            _ => None,
        };
        if let Some(snapshot) = snapshot {
            snapshots.insert(name.to_owned(), snapshot);
        }
    }
    let known: Vec<Position> =
        after.into_iter().filter(|position| snapshots.contains_key(&position.room)).collect();
    let pages = rooms::read(service.db.read(), &known, limit).await?;
    let state = |(position, page): (Position, Page)| {
        let snapshot = snapshots.remove(&position.room).unwrap_or_default();
        RoomState { room: position.room, page, snapshot }
    };
    Ok(known.into_iter().zip(pages).map(state).collect())
}

/// The snapshots of giveaways that the public may see, by their rooms. Many at once: this is asked twice
/// a second about everything that anybody looks at.
async fn giveaways(service: &Service, rooms: &[Position]) -> Result<BTreeMap<String, Value>> {
    let id = |position: &Position| match room::parse(&position.room) {
        Some((Kind::Giveaway, id)) => id.parse::<GiveawayId>().ok(),
        _ => None,
    };
    let standings = standing::find_many(service.db.read(), rooms.iter().filter_map(id)).await?;
    let counts = counts(service, &standings).await?;
    let mut snapshots = BTreeMap::new();
    for standing in standings {
        if standing.state()?.is_public() {
            let room = Kind::Giveaway.room(GiveawayId(standing.id));
            snapshots.insert(room, snapshot(&standing, &counts)?);
        }
    }
    Ok(snapshots)
}

async fn counts(service: &Service, of: &[Standing]) -> Result<HashMap<Uuid, Counts>> {
    if of.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = of.iter().map(|standing| standing.id);
    Ok(entry_count::read_many(service.db.read(), ids).await?)
}

fn snapshot(standing: &Standing, counts: &HashMap<Uuid, Counts>) -> Result<Value> {
    let counts = counts.get(&standing.id).copied().unwrap_or_default();
    Ok(json!({
        "giveaway": GiveawayId(standing.id),
        "phase": standing.state()?,
        "ends_at": standing.ends_at()?,
        "entrants": counts.entries,
        "verified": counts.verified,
    }))
}

async fn of_host(service: &Service, id: HostId) -> Result<Option<Value>> {
    if host::find(service.db.read(), id).await?.is_none() {
        return Ok(None);
    }
    let standings = standing::of_host(service.db.read(), id, SHOWN).await?;
    let counts = counts(service, &standings).await?;
    let giveaways: Vec<Value> =
        standings.iter().map(|standing| snapshot(standing, &counts)).collect::<Result<_>>()?;
    let wallet = wallet::balances(service, id).await?;
    Ok(Some(json!({ "wallet": wallet, "giveaways": giveaways })))
}

async fn of_admin(service: &Service) -> Result<Value> {
    let conn = service.db.read();
    Ok(json!({ "sagas": saga::count_alive(conn).await?, "calls": outbox::count(conn).await? }))
}
