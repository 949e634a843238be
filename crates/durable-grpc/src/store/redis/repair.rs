//! Everything that is not the straight path: cancelling, dead letters, lost claims.

use std::sync::Arc;

use redis::Value;

use super::{
    Lane, Shared,
    codec::{array, corrupt, integer, retention_ms},
    duration_ms, read, script,
};
use crate::{
    id::CallId,
    store::{Cancelled, EndKind, Ended, Owner, StoreError, retention},
};

/// How many claims one script call takes over, and about how many bytes of messages it moves: other
/// clients of the server wait while it runs.
const MAX_TAKEN: usize = 128;
pub(super) const MAX_MOVED_BYTES: usize = 1024 * 1024;

pub(super) async fn cancel(shared: &Arc<Shared>, id: CallId) -> Result<Cancelled, StoreError> {
    let Some(lane) = lane_of(shared, id).await? else { return Ok(Cancelled::NotFound) };
    let (fresh, executed) = (Ended::cancelled(false), Ended::cancelled(true));
    let mut script = script::CANCEL.call(shared, &lane.prefix);
    script
        .arg(shared.ends_prefix())
        .arg(shared.cancel_channel())
        .arg(id.to_string())
        .arg(fresh.encode())
        .arg(executed.encode())
        .arg(retention_ms(retention(&fresh, true, false)))
        .arg(retention_ms(retention(&fresh, false, false)));
    match number(&script.run(shared).await?)? {
        0 => Ok(Cancelled::NotFound),
        1 => Ok(Cancelled::AlreadyEnded),
        2 => Ok(Cancelled::Signalled),
        removed => Ok(Cancelled::Removed { may_have_executed: removed == 4 }),
    }
}

pub(super) async fn replay(shared: &Arc<Shared>, id: CallId) -> Result<bool, StoreError> {
    let Some(lane) = lane_of(shared, id).await? else { return Ok(false) };
    let mut script = script::REPLAY.call(shared, &lane.prefix);
    script.arg(id.to_string());
    Ok(number(&script.run(shared).await?)? == 1)
}

pub(super) async fn discard(shared: &Arc<Shared>, id: CallId) -> Result<bool, StoreError> {
    let Some(lane) = lane_of(shared, id).await? else { return Ok(false) };
    let ended = Ended::without_answer(EndKind::Discarded, String::new(), true);
    let mut script = script::DISCARD.call(shared, &lane.prefix);
    script
        .arg(id.to_string())
        .arg(ended.encode())
        .arg(retention_ms(retention(&ended, true, false)))
        .arg(retention_ms(retention(&ended, false, false)));
    Ok(number(&script.run(shared).await?)? == 1)
}

/// Takes claims over in all lanes, but not within a lease after the connection was made: while the
/// server was away nobody could beat, and everyone looks silent.
pub(super) async fn takeover(shared: &Arc<Shared>) -> Result<usize, StoreError> {
    let mut lanes = read::all_lanes(shared).await?;
    lanes.extend(super::lock(&shared.lanes).keys().cloned());
    lanes.sort();
    lanes.dedup();
    let connected = shared.link.connected_for().await;
    let lead = (shared.options.ahead)();
    if connected.is_none_or(|time| time + lead < shared.options.lease) {
        return Ok(0);
    }
    let mut taken = 0;
    for name in lanes {
        taken += take_from(shared, &shared.lane(&name), None).await?;
    }
    Ok(taken)
}

/// Takes everything from one owner, or from all that are silent.
pub(super) async fn take_from(
    shared: &Shared,
    lane: &Lane,
    owner: Option<Owner>,
) -> Result<usize, StoreError> {
    let cancelled = Ended::cancelled(true);
    let mut taken = 0;
    loop {
        let mut script = script::TAKEOVER.call(shared, &lane.prefix);
        script
            .arg(shared.ends_prefix())
            .arg(duration_ms(shared.options.lease))
            .arg(owner.map(|owner| owner.to_string()).unwrap_or_default())
            .arg(MAX_TAKEN)
            .arg(MAX_MOVED_BYTES)
            .arg(Ended::lost_after_start().encode())
            .arg(cancelled.encode())
            .arg(retention_ms(retention(&cancelled, true, false)))
            .arg(retention_ms(retention(&cancelled, false, false)));
        let reply = array(script.run(shared).await?)?;
        let number = |place: usize| reply.get(place).map_or(Err(corrupt("number")), number);
        taken += usize::try_from(number(0)?).unwrap_or_default();
        if number(1)? == 0 {
            return Ok(taken);
        }
    }
}

async fn lane_of(shared: &Arc<Shared>, id: CallId) -> Result<Option<Arc<Lane>>, StoreError> {
    let view = read::lookup(shared, &[id]).await?.pop().flatten();
    Ok(view.map(|view| shared.lane(&view.lane)))
}

fn number(value: &Value) -> Result<i64, StoreError> {
    integer(value).ok_or_else(|| corrupt("number"))
}
