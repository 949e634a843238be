//! Recording what became of claimed calls.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Lane, Shared,
    batch::{self, Batch, Batcher},
    codec::{array, corrupt, integer, retention_ms},
    duration_ms,
    held::HeldClaim,
    script,
};
use crate::store::{Disposition, Ended, Finish, Receipt, Recorded, StoreError, retention};

/// Ends and retries of one lane.
pub(super) struct FinishBatch;

/// One of them, with its record encoded on the worker's thread.
pub(super) struct Item {
    receipt: Receipt,
    stream_id: Arc<str>,
    ended: Arc<Ended>,
    record: Vec<u8>,
    /// Bytes of the message that the script has to move.
    moved: usize,
    /// The number of the end's kind; 0 for another try.
    kind: u32,
    sent: bool,
    retention_ms: i64,
    pause_ms: i64,
}

impl Item {
    fn new(finish: Finish, held: HeldClaim) -> Self {
        let HeldClaim { call, stream_id, .. } = held;
        let Finish { receipt, disposition } = finish;
        let (kind, ended, sent, pause_ms) = match disposition {
            Disposition::End { ended, sent } => (ended.kind.number(), ended, sent, 0),
            // The end that is recorded instead when the call was cancelled meanwhile.
            Disposition::Retry { after, sent } => {
                let cancelled = Ended::cancelled(sent || call.may_have_executed());
                (0, Arc::new(cancelled), sent, duration_ms(after))
            }
        };
        let kept = retention(&ended, call.key.is_some(), call.policy.detached);
        let retention_ms = retention_ms(kept);
        let record = ended.encode();
        let moved = if kind == 0 || retention_ms < 0 { call.payload.len() } else { 0 };
        Self { receipt, stream_id, ended, record, moved, kind, sent, retention_ms, pause_ms }
    }
}

impl Batch for FinishBatch {
    type Item = Item;
    type Output = Recorded;

    fn of(lane: &Lane) -> &Batcher<Self> {
        &lane.finish
    }

    fn bytes(item: &Item) -> usize {
        item.record.len() + item.moved
    }

    async fn run(
        shared: &Arc<Shared>,
        lane: &Arc<Lane>,
        items: Vec<Item>,
    ) -> Vec<Result<Recorded, StoreError>> {
        let mut script = script::FINISH.call(shared, &lane.prefix);
        script.arg(shared.ends_prefix()).arg(&shared.process);
        for item in &items {
            script
                .arg(item.receipt.id.to_string())
                .arg(&*item.stream_id)
                .arg(item.receipt.owner.to_string())
                .arg(item.kind)
                .arg(&item.record[..])
                .arg(u8::from(item.sent))
                .arg(item.retention_ms)
                .arg(item.pause_ms);
        }
        let reply = script.run(shared).await.map_err(StoreError::from).and_then(array);
        let codes = match reply {
            Ok(codes) if codes.len() == items.len() => codes,
            Ok(_) => return items.iter().map(|_| Err(corrupt("result for each call"))).collect(),
            Err(error) => return items.iter().map(|_| Err(error.clone())).collect(),
        };
        let (mut ended, mut retried) = (Vec::new(), false);
        let results = items.iter().zip(&codes).map(|(item, code)| match integer(code) {
            Some(0) => {
                shared.held.let_go(&item.receipt);
                // Perhaps recorded by an earlier try whose answer was lost: then the other processes
                // know, and this one looks it up.
                ended.push((item.receipt.id, None));
                Ok(Recorded::Fenced)
            }
            Some(code @ (1 | 2)) => {
                shared.held.let_go(&item.receipt);
                if item.kind == 0 && code == 1 {
                    retried = true;
                } else {
                    ended.push((item.receipt.id, Some(item.ended.clone())));
                }
                Ok(Recorded::Done)
            }
            _ => Err(corrupt("result")),
        });
        let results = results.collect();
        if retried {
            lane.promoter.nudge();
        }
        // The script told the other processes; this one hears it here.
        if !ended.is_empty() {
            shared.tell(|watcher| watcher.ended(ended.clone()));
        }
        results
    }
}

pub(super) async fn finish(
    shared: &Arc<Shared>,
    items: Vec<Finish>,
) -> Vec<Result<Recorded, StoreError>> {
    // What this process does not hold is not its to finish.
    let mut results: Vec<_> = items.iter().map(|_| Ok(Recorded::Fenced)).collect();
    let mut by_lane: BTreeMap<Arc<str>, Vec<(usize, Item)>> = BTreeMap::new();
    for (place, item) in items.into_iter().enumerate() {
        if let Some(held) = shared.held.get(&item.receipt) {
            let lane = by_lane.entry(item.receipt.lane.clone()).or_default();
            lane.push((place, Item::new(item, held)));
        }
    }
    let runs = by_lane.into_iter().map(async |(lane, items)| {
        let (places, items): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        (places, batch::run::<FinishBatch>(shared, &shared.lane(&lane), items).await)
    });
    for (places, lane_results) in futures::future::join_all(runs).await {
        for (place, result) in places.into_iter().zip(lane_results) {
            results[place] = result;
        }
    }
    results
}

/// Marks calls as about to be sent.
pub(super) async fn started(
    shared: &Arc<Shared>,
    receipts: Vec<Receipt>,
) -> Vec<Result<Recorded, StoreError>> {
    let mut results = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        let Some(held) = shared.held.get(&receipt) else {
            results.push(Ok(Recorded::Fenced));
            continue;
        };
        let mut script = script::STARTED.call(shared, &shared.lane(&receipt.lane).prefix);
        script.arg(receipt.id.to_string()).arg(&*held.stream_id).arg(receipt.owner.to_string());
        let reply = script.run(shared).await.map_err(StoreError::from).and_then(array);
        results.push(reply.and_then(|marks| match marks.first().and_then(integer) {
            Some(1) => Ok(Recorded::Done),
            Some(0) => {
                shared.held.let_go(&receipt);
                Ok(Recorded::Fenced)
            }
            _ => Err(corrupt("result")),
        }));
    }
    results
}
