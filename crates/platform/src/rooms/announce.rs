//! Telling the gateways that rooms have news.

use std::time::Duration;

use durable_grpc::{Calls, RawCall};

use super::{Position, log};
use crate::{Db, Shutdown};

/// Rooms in one announcement; those left over follow in the next.
const ROOMS: u64 = 500;

/// After so long nobody needs to hear it any more: gateways have looked for themselves. Such a call ends
/// as expired, and is no dead letter.
const EXPIRY: Duration = Duration::from_secs(30);

/// Announces every room that has news: one call for all of them, whose answer nobody waits for. `call`
/// makes it.
///
/// A room counts as announced before the call is made: what is lost here shows at the gateways half a second
/// later.
///
/// # Errors
/// When the database fails.
pub async fn announce(
    db: &Db,
    calls: &Calls,
    shutdown: &Shutdown,
    call: impl Fn(Vec<Position>) -> RawCall,
) -> anyhow::Result<()> {
    loop {
        let rooms = log::unannounced(db.read(), ROOMS).await?;
        if rooms.is_empty() {
            return Ok(());
        }
        for room in &rooms {
            log::announced(db.write(), room).await?;
        }
        // Unkeyed and awaited, because such a call leaves nothing behind when it expires; but awaited aside.
        let call = RawCall { deadline: Some(EXPIRY), ..call(rooms) };
        let (calls, stop) = (calls.clone(), shutdown.clone());
        shutdown.spawn(async move {
            tokio::select! {
                answer = calls.call_raw(call) => if let Err(status) = answer {
                    tracing::debug!(code = ?status.code(), "news of rooms were not announced");
                },
                () = stop.requested() => {}
            }
        });
    }
}
