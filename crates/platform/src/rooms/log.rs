//! Writing and reading.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, ExprTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict, Query},
};

use super::{
    Event, Logged, Position,
    entity::{event, room},
};

/// Events in one statement, below the number of variables that it may have.
const ROWS_PER_STATEMENT: usize = 500;

/// In a [`Position`] to read from: the last events, whatever their numbers are.
pub const LAST: i64 = -1;

/// What a room has to say to somebody who has heard everything up to some number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The number of the room's last event.
    pub seq: i64,
    /// What came after the number asked for, in order. There may be more.
    pub events: Vec<Logged>,
    /// What came next is not kept any more, or never was: the number asked for is not of this room.
    pub has_gap: bool,
}

/// Writes events with the next numbers of their rooms, and locks those rooms until the transaction ends.
///
/// # Errors
/// When the database fails.
pub(crate) async fn append<C: ConnectionTrait>(tx: &C, events: Vec<Event>) -> Result<(), DbErr> {
    // By name, so that no two transactions wait for each other.
    let mut rooms: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    for event in events {
        rooms.entry(event.room.clone()).or_default().push(event);
    }
    let mut rows = Vec::new();
    for (name, events) in rooms {
        let count =
            i64::try_from(events.len()).map_err(|error| DbErr::Custom(error.to_string()))?;
        let first = advance(tx, &name, count).await? - count + 1;
        rows.extend((first..).zip(events).map(|(seq, event)| event::ActiveModel {
            room: Set(event.room),
            seq: Set(seq),
            name: Set(event.name.to_owned()),
            data: Set(event.data.to_string()),
            at: Set(event.at_ms),
        }));
    }
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        event::Entity::insert_many(rows.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Takes the next numbers of a room, and tells the last of them.
async fn advance<C: ConnectionTrait>(tx: &C, name: &str, count: i64) -> Result<i64, DbErr> {
    let row = room::ActiveModel { name: Set(name.to_owned()), seq: Set(count), announced: Set(0) };
    let further = Expr::col((room::Entity, room::Column::Seq)).add(count);
    let conflict =
        OnConflict::column(room::Column::Name).value(room::Column::Seq, further).to_owned();
    Ok(room::Entity::insert(row).on_conflict(conflict).exec_with_returning(tx).await?.seq)
}

/// What each room has to say after a number, at most `limit` events of each; after [`LAST`], its last ones.
/// A room that nothing has ever happened in is at 0.
///
/// # Errors
/// When the database fails.
pub async fn read<C: ConnectionTrait>(
    conn: &C,
    after: &[Position],
    limit: u64,
) -> Result<Vec<Page>, DbErr> {
    let names = after.iter().map(|position| position.room.as_str());
    let rooms = room::Entity::find().filter(room::Column::Name.is_in(names)).all(conn).await?;
    let seqs: HashMap<String, i64> = rooms.into_iter().map(|room| (room.name, room.seq)).collect();
    let mut pages = Vec::with_capacity(after.len());
    for position in after {
        let seq = seqs.get(&position.room).copied().unwrap_or_default();
        pages.push(page(conn, position, seq, limit).await?);
    }
    Ok(pages)
}

async fn page<C: ConnectionTrait>(
    conn: &C,
    after: &Position,
    seq: i64,
    limit: u64,
) -> Result<Page, DbErr> {
    let wants_last = after.seq < 0;
    let from =
        if wants_last { Ord::max(0, seq - i64::try_from(limit).unwrap_or(seq)) } else { after.seq };
    if from >= seq {
        return Ok(Page { seq, events: Vec::new(), has_gap: from > seq });
    }
    let rows = event::Entity::find()
        .filter(event::Column::Room.eq(after.room.as_str()))
        .filter(event::Column::Seq.gt(from))
        .order_by_asc(event::Column::Seq)
        .limit(limit)
        .all(conn)
        .await?;
    let logged =
        |row: event::Model| Logged { seq: row.seq, name: row.name, data: row.data, at_ms: row.at };
    let events: Vec<Logged> = rows.into_iter().map(logged).collect();
    let has_gap = !wants_last && events.first().is_none_or(|first| first.seq != from + 1);
    // Newer than the number that was read first: they are in order all the same.
    let seq = events.last().map_or(seq, |last| Ord::max(seq, last.seq));
    Ok(Page { seq, events: if has_gap { Vec::new() } else { events }, has_gap })
}

/// Removes events from before some time; the rooms keep counting. Returns how many there were, at most
/// `limit`.
///
/// # Errors
/// When the database fails.
pub async fn forget<C: ConnectionTrait>(
    conn: &C,
    before_ms: i64,
    limit: u64,
) -> Result<u64, DbErr> {
    use event::Column::{At, Room, Seq};
    let old = Query::select()
        .columns([Room, Seq])
        .from(event::Entity)
        .and_where(Expr::col(At).lt(before_ms))
        .order_by(At, sea_orm::Order::Asc)
        // Of one room the first first, so that no hole comes into being.
        .order_by(Room, sea_orm::Order::Asc)
        .order_by(Seq, sea_orm::Order::Asc)
        .limit(limit)
        .to_owned();
    let key = Expr::tuple([Expr::col(Room), Expr::col(Seq)]);
    let done = event::Entity::delete_many().filter(key.in_subquery(old)).exec(conn).await?;
    Ok(done.rows_affected)
}

/// Rooms with news that were not announced, at most `limit`.
///
/// # Errors
/// When the database fails.
pub(super) async fn unannounced<C: ConnectionTrait>(
    conn: &C,
    limit: u64,
) -> Result<Vec<Position>, DbErr> {
    let rooms = room::Entity::find()
        .filter(Expr::col(room::Column::Announced).lt(Expr::col(room::Column::Seq)))
        .limit(limit)
        .all(conn)
        .await?;
    Ok(rooms.into_iter().map(|room| Position { room: room.name, seq: room.seq }).collect())
}

/// Notes how far a room was announced.
///
/// # Errors
/// When the database fails.
pub(super) async fn announced<C: ConnectionTrait>(conn: &C, at: &Position) -> Result<(), DbErr> {
    room::Entity::update_many()
        .col_expr(room::Column::Announced, Expr::value(at.seq))
        .filter(room::Column::Name.eq(at.room.as_str()))
        .filter(room::Column::Announced.lt(at.seq))
        .exec(conn)
        .await?;
    Ok(())
}
