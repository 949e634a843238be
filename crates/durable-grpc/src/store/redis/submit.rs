//! Putting calls into the store.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use redis::Value;
use tokio::time::{Instant, sleep};

use super::{
    Lane, Shared,
    batch::{self, Batch, Batcher},
    codec::{FOREVER_MS, array, bytes, corrupt, encode_policy, id, integer, name_of},
    link::Failure,
    script, to_ms,
};
use crate::{
    answer::encode_metadata,
    store::{Ended, NewCall, StoreError, Submitted},
};

/// How long a submission is repeated, from the loss of its answer, before it is given up as uncertain.
/// Long enough for a server that restarts, short against a caller's deadline.
const SETTLE: Duration = Duration::from_secs(3);
/// The pause between such repetitions.
const SETTLE_PAUSE: Duration = Duration::from_millis(50);

/// Submissions of one lane.
pub(super) struct SubmitBatch;

impl Batch for SubmitBatch {
    type Item = NewCall;
    type Output = Submitted;

    fn of(lane: &Lane) -> &Batcher<Self> {
        &lane.submit
    }

    fn bytes(item: &NewCall) -> usize {
        item.payload.len()
    }

    async fn run(
        shared: &Arc<Shared>,
        lane: &Arc<Lane>,
        calls: Vec<NewCall>,
    ) -> Vec<Result<Submitted, StoreError>> {
        let reply = match announce(shared, lane).await {
            Ok(()) => send(shared, lane, &calls).await,
            Err(failure) => Err(failure.into()),
        };
        if calls.iter().any(|call| call.not_before.is_some()) {
            lane.promoter.nudge();
        }
        match reply.and_then(array) {
            Ok(results) if results.len() == calls.len() => {
                results.into_iter().map(|result| decode(shared, lane, result)).collect()
            }
            Ok(_) => calls.iter().map(|_| Err(corrupt("result for each call"))).collect(),
            Err(error) => calls.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

pub(super) async fn submit(
    shared: &Arc<Shared>,
    calls: Vec<NewCall>,
) -> Vec<Result<Submitted, StoreError>> {
    let mut by_lane: BTreeMap<Arc<str>, Vec<(usize, NewCall)>> = BTreeMap::new();
    let mut results: Vec<_> = calls.iter().map(|_| Err(StoreError::Closed)).collect();
    for (place, call) in calls.into_iter().enumerate() {
        by_lane.entry(call.lane.clone()).or_default().push((place, call));
    }
    let runs = by_lane.into_iter().map(async |(lane, calls)| {
        let (places, calls): (Vec<_>, Vec<_>) = calls.into_iter().unzip();
        (places, batch::run::<SubmitBatch>(shared, &shared.lane(&lane), calls).await)
    });
    for (places, lane_results) in futures::future::join_all(runs).await {
        for (place, result) in places.into_iter().zip(lane_results) {
            results[place] = result;
        }
    }
    results
}

/// Puts the lane on the list of all lanes, once for each connection: a server that lost its memory
/// is told again.
async fn announce(shared: &Shared, lane: &Lane) -> Result<(), Failure> {
    let generation = shared.link.generation();
    if generation != 0 && lane.announced.load(Ordering::Acquire) == generation {
        return Ok(());
    }
    let mut add = redis::cmd("SADD");
    add.arg(shared.lanes_key()).arg(&*lane.name);
    shared.link.query(&add).await.map_err(|failure| match failure {
        // Nothing of the submission has been sent.
        Failure::Lost(reason) => Failure::NotSent(reason),
        failure => failure,
    })?;
    lane.announced.store(shared.link.generation(), Ordering::Release);
    Ok(())
}

/// Sends the calls, and again when the answer is lost: the script finds by the ids what it has. Where
/// it cannot, because a call that is over has left nothing, it repeats only what may be repeated.
async fn send(shared: &Shared, lane: &Lane, calls: &[NewCall]) -> Result<Value, StoreError> {
    let mut lost_at: Option<Instant> = None;
    loop {
        let reply = script_call(shared, lane, calls, lost_at.is_some()).run(shared).await;
        let failure = match (reply, lost_at) {
            (Ok(reply), _) => return Ok(reply),
            (Err(failure @ Failure::Lost(_)), _) => failure,
            (Err(failure), None) => return Err(failure.into()),
            (Err(failure), Some(_)) => failure,
        };
        if lost_at.get_or_insert_with(Instant::now).elapsed() >= SETTLE {
            return Err(StoreError::Uncertain(failure.to_string()));
        }
        sleep(SETTLE_PAUSE).await;
    }
}

fn script_call(shared: &Shared, lane: &Lane, calls: &[NewCall], resent: bool) -> script::Call {
    let mut script = script::SUBMIT.call(shared, &lane.prefix);
    script.arg(&shared.process).arg(shared.options.lane_bytes).arg(u8::from(resent));
    for call in calls {
        let name = call.key.as_deref().map(|key| name_of(&call.method, key));
        script
            .arg(call.id.to_string())
            .arg(name.unwrap_or_default())
            .arg(encode_policy(call))
            .arg(encode_metadata(&call.metadata))
            .arg(&call.payload[..])
            .arg(call.not_before.map_or(0, to_ms).min(2 * FOREVER_MS))
            .arg(wait_of(call));
    }
    script
}

/// Whether somebody waits, and if not, whether a repetition may make the call twice.
const fn wait_of(call: &NewCall) -> u8 {
    match (call.policy.detached, call.policy.idempotent) {
        (false, _) => 1,
        (true, true) => 0,
        (true, false) => 2,
    }
}

fn decode(shared: &Shared, lane: &Lane, result: Value) -> Result<Submitted, StoreError> {
    let mut fields = array(result)?.into_iter();
    let code = fields.next().as_ref().and_then(integer);
    let value = fields.next().ok_or_else(|| corrupt("result"))?;
    if code == Some(4) {
        return Err(StoreError::LaneFull {
            lane: lane.name.to_string(),
            waiting_bytes: integer(&value).and_then(|n| u64::try_from(n).ok()).unwrap_or_default(),
            limit: shared.options.lane_bytes,
        });
    }
    let id = id(&value).ok_or_else(|| corrupt("call id"))?;
    match code {
        Some(0) => Ok(Submitted::Accepted(id)),
        Some(1) => Ok(Submitted::Attached(id)),
        Some(2) => {
            let record = fields.next().and_then(bytes).and_then(|record| Ended::decode(&record));
            Ok(Submitted::Ended(id, Arc::new(record.ok_or_else(|| corrupt("record"))?)))
        }
        Some(3) => Ok(Submitted::Mismatch(id)),
        Some(5) => Err(StoreError::Uncertain("the answer to the submission was lost".to_owned())),
        _ => Err(corrupt("result")),
    }
}
