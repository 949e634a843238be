//! Looking at calls and lanes.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use redis::Value;

use super::{
    Lane, Shared,
    codec::{array, corrupt, decode_dead, decode_view, id, integer, name_of, text},
    duration_ms, script,
};
use crate::{
    id::CallId,
    limits::HEALTH_FRESH,
    store::{Backlog, CallView, DeadLetter, DeadLetterFilter, LaneStats, StoreError, TargetHealth},
};

/// How many dead letters one lane is asked for at most: each comes with its message.
const MAX_DEAD_LETTERS: usize = 1000;

/// An id does not tell its lane, so the lanes of this process are asked first, then all others: there
/// is one for each target service, and lookups are rare.
pub(super) async fn lookup(
    shared: &Arc<Shared>,
    ids: &[CallId],
) -> Result<Vec<Option<CallView>>, StoreError> {
    let mut found: Vec<Option<CallView>> = ids.iter().map(|_| None).collect();
    let mut asked = BTreeSet::new();
    let mine: Vec<_> = super::lock(&shared.lanes).keys().cloned().collect();
    for lanes in [Some(mine), None] {
        let lanes = match lanes {
            Some(lanes) => lanes,
            None if found.iter().all(Option::is_some) => break,
            None => all_lanes(shared).await?,
        };
        for name in lanes {
            if asked.insert(name.clone()) {
                lookup_in(shared, &shared.lane(&name), ids, &mut found).await?;
            }
        }
    }
    Ok(found)
}

async fn lookup_in(
    shared: &Shared,
    lane: &Lane,
    ids: &[CallId],
    found: &mut [Option<CallView>],
) -> Result<(), StoreError> {
    let missing: Vec<_> = (0..ids.len()).filter(|place| found[*place].is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut script = script::LOOKUP.call(shared, &lane.prefix);
    for place in &missing {
        script.arg(ids[*place].to_string());
    }
    for (place, fields) in missing.into_iter().zip(array(script.run(shared).await?)?) {
        let fields = array(fields)?;
        if !fields.is_empty() {
            found[place] = Some(decode_view(fields, &lane.name)?);
        }
    }
    Ok(())
}

pub(super) async fn lookup_key(
    shared: &Arc<Shared>,
    lane: &str,
    method: &str,
    key: &str,
) -> Result<Option<CallView>, StoreError> {
    let lane = shared.lane(lane);
    let mut script = script::NAMED.call(shared, &lane.prefix);
    script.arg(name_of(method, key));
    let Some(id) = id(&script.run(shared).await?) else { return Ok(None) };
    let mut found = [None];
    lookup_in(shared, &lane, &[id], &mut found).await?;
    let [view] = found;
    Ok(view)
}

pub(super) async fn dead_letters(
    shared: &Arc<Shared>,
    filter: DeadLetterFilter,
) -> Result<Vec<DeadLetter>, StoreError> {
    let lanes = match filter.lane {
        Some(lane) => vec![lane.into()],
        None => all_lanes(shared).await?,
    };
    let mut found = Vec::new();
    for name in lanes {
        let lane = shared.lane(&name);
        let mut script = script::DEAD.call(shared, &lane.prefix);
        script
            .arg(filter.after.map(|id| id.to_string()).unwrap_or_default())
            .arg(filter.limit.min(MAX_DEAD_LETTERS));
        for fields in array(script.run(shared).await?)? {
            found.push(decode_dead(array(fields)?, &lane.name)?);
        }
    }
    found.sort_by_key(|letter| letter.call.id);
    found.truncate(filter.limit);
    Ok(found)
}

pub(super) async fn stats(shared: &Arc<Shared>) -> Result<Vec<LaneStats>, StoreError> {
    let mut all = Vec::new();
    for name in all_lanes(shared).await? {
        let standing = standing(shared, &shared.lane(&name)).await?;
        all.push(standing.stats);
    }
    all.sort_by(|a, b| a.lane.cmp(&b.lane));
    Ok(all)
}

pub(super) async fn backlog(shared: &Arc<Shared>, lane: &str) -> Result<Backlog, StoreError> {
    let Standing { stats, workers } = standing(shared, &shared.lane(lane)).await?;
    Ok(Backlog { workers, waiting: stats.ready + stats.later, oldest_ready: stats.oldest_ready })
}

/// Every lane that any process has used.
pub(super) async fn all_lanes(shared: &Shared) -> Result<Vec<Arc<str>>, StoreError> {
    let mut members = redis::cmd("SMEMBERS");
    members.arg(shared.lanes_key());
    let reply = match shared.link.query(&members).await? {
        Value::Set(lanes) | Value::Array(lanes) => lanes,
        _ => return Err(corrupt("set")),
    };
    Ok(reply.iter().filter_map(text).map(Arc::from).collect())
}

struct Standing {
    stats: LaneStats,
    workers: Vec<TargetHealth>,
}

async fn standing(shared: &Shared, lane: &Lane) -> Result<Standing, StoreError> {
    let mut script = script::STATS.call(shared, &lane.prefix);
    script.arg(duration_ms(HEALTH_FRESH));
    let fields = array(script.run(shared).await?)?;
    let signed = |place: usize| fields.get(place).and_then(integer);
    let number = |place| signed(place).and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
    let reports = fields.get(8).cloned().map_or(Ok(Vec::new()), array)?;
    let stats = LaneStats {
        lane: lane.name.to_string(),
        ready: number(0),
        later: number(1),
        running: number(2),
        dead: number(3),
        waiting_bytes: number(4),
        oldest_ready: signed(5).and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis),
        expired: number(6),
        answered: number(7),
    };
    let workers = reports.iter().filter_map(text).filter_map(health).collect();
    Ok(Standing { stats, workers })
}

fn health(report: &str) -> Option<TargetHealth> {
    match report.split_once(' ') {
        None => (report == "up").then_some(TargetHealth::Up),
        Some(("down", ms)) => {
            Some(TargetHealth::Down { retry_after: Duration::from_millis(ms.parse().ok()?) })
        }
        Some(_) => None,
    }
}
