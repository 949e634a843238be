//! Recording what became of claimed calls.

use std::sync::Arc;

use rusqlite::params;

use super::{
    Shared,
    lane::{Waiting, message_bytes},
    lanes::HeldCall,
    rows::ms,
    writer::{Database, Operation},
};
use crate::{
    id::CallId,
    store::{Disposition, Ended, Finish, Receipt, Recorded, Retention, StoreError, retention},
};

/// Marks calls as about to be sent.
pub(super) struct Started {
    receipts: Vec<Receipt>,
}

impl Started {
    pub(super) const fn new(receipts: Vec<Receipt>) -> Self {
        Self { receipts }
    }
}

impl Operation for Started {
    type Output = Vec<Result<Recorded, StoreError>>;
    const WRITES: bool = true;

    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<Self::Output> {
        let mut results = Vec::with_capacity(self.receipts.len());
        for receipt in &self.receipts {
            let held = database.shared.lanes().held(receipt);
            let changed = match held {
                None => 0,
                Some(held) => database
                    .connection
                    .prepare_cached("UPDATE calls SET state = 1 WHERE seq = ?1 AND state < 2")?
                    .execute([held.seq])?,
            };
            results.push(Ok(recorded(changed)));
        }
        Ok(results)
    }

    fn committed(&mut self, _: &Shared, _: &Self::Output) {}
}

/// Records ends and retries.
pub(super) struct FinishAll {
    items: Vec<(Finish, Vec<u8>)>,
    effects: Vec<Effect>,
}

/// What a recorded item changes in memory.
enum Effect {
    Ended { id: CallId, ended: Arc<Ended> },
    Retry { id: CallId, waiting: Waiting },
}

impl FinishAll {
    pub(super) fn new(items: Vec<Finish>) -> Self {
        // Encoded on the worker's thread: the writer serves everyone.
        let items = items.into_iter().map(|item| {
            let record = match &item.disposition {
                Disposition::End { ended, .. } => ended.encode(),
                Disposition::Retry { .. } => Vec::new(),
            };
            (item, record)
        });
        Self { items: items.collect(), effects: Vec::new() }
    }
}

impl Operation for FinishAll {
    type Output = Vec<Result<Recorded, StoreError>>;
    const WRITES: bool = true;

    fn apply(&mut self, database: &mut Database) -> rusqlite::Result<Self::Output> {
        self.effects.clear();
        let now_ms = database.shared.now_ms();
        let mut results = Vec::with_capacity(self.items.len());
        for (item, record) in &self.items {
            let held = database.shared.lanes().held(&item.receipt);
            let id = item.receipt.id;
            let effect = match (held, &item.disposition) {
                (None, _) => None,
                (Some(held), Disposition::End { ended, sent }) => {
                    end(database, &held, ended, record, *sent, now_ms)?
                        .then(|| Effect::Ended { id, ended: ended.clone() })
                }
                // The attempt was over before the signal reached it: the call is not tried again.
                (Some(held), Disposition::Retry { sent, .. }) if held.cancelling => {
                    let ended = Ended::cancelled(*sent || held.call.may_have_executed());
                    end(database, &held, &ended, &ended.encode(), *sent, now_ms)?
                        .then(|| Effect::Ended { id, ended: Arc::new(ended) })
                }
                (Some(held), Disposition::Retry { after, sent }) => {
                    let due_ms = now_ms.saturating_add(ms(*after));
                    retry(database, held, due_ms, *sent)?
                        .map(|waiting| Effect::Retry { id, waiting })
                }
            };
            results.push(Ok(if effect.is_some() { Recorded::Done } else { Recorded::Fenced }));
            self.effects.extend(effect);
        }
        Ok(results)
    }

    fn committed(&mut self, shared: &Shared, _: &Self::Output) {
        let mut told = Vec::new();
        {
            let now_ms = shared.now_ms();
            let mut lanes = shared.lanes();
            for effect in self.effects.drain(..) {
                match effect {
                    Effect::Ended { id, ended } => {
                        lanes.end(id, ended.kind);
                        told.push((id, Some(ended)));
                    }
                    Effect::Retry { id, waiting } => lanes.requeue(id, waiting, now_ms),
                }
            }
        }
        if !told.is_empty() {
            shared.tell(|watcher| watcher.ended(told.clone()));
        }
    }

    fn bytes(&self) -> usize {
        self.items.iter().map(|(_, record)| record.len()).sum()
    }
}

/// Writes the end of a call, as its retention wants it. `false`: the call had ended already.
fn end(
    database: &Database,
    held: &HeldCall,
    ended: &Ended,
    record: &[u8],
    sent: bool,
    now_ms: i64,
) -> rusqlite::Result<bool> {
    let call = &held.call;
    let kept = retention(ended, call.key.is_some(), call.policy.detached);
    let changed = match kept {
        Retention::None => database
            .connection
            .prepare_cached("DELETE FROM calls WHERE seq = ?1 AND state < 2")?
            .execute([held.seq])?,
        Retention::For(_) | Retention::UntilHandled => {
            let purge_at_ms = match kept {
                Retention::For(time) => Some(now_ms.saturating_add(ms(time))),
                _ => None,
            };
            // The payload gives way to its hash, except where an operator may want it again.
            database
                .connection
                .prepare_cached(
                    "UPDATE calls
                     SET state = ?2, record = ?3, ended_at_ms = ?4, purge_at_ms = ?5,
                         attempts = ?6, lost = ?7,
                         payload = CASE WHEN ?5 IS NULL THEN payload END,
                         metadata = CASE WHEN ?5 IS NULL THEN metadata END
                     WHERE seq = ?1 AND state < 2",
                )?
                .execute(params![
                    held.seq,
                    ended.kind.number(),
                    record,
                    now_ms,
                    purge_at_ms,
                    call.attempts.saturating_add(u32::from(sent)),
                    call.lost,
                ])?
        }
    };
    Ok(changed > 0)
}

/// Writes the next try of a call. `None`: the call had ended already.
fn retry(
    database: &Database,
    held: HeldCall,
    due_ms: i64,
    sent: bool,
) -> rusqlite::Result<Option<Waiting>> {
    let mut call = held.call;
    let counted = Arc::make_mut(&mut call);
    if sent {
        counted.attempts = counted.attempts.saturating_add(1);
    } else {
        counted.unsent = counted.unsent.saturating_add(1);
    }
    let changed = database
        .connection
        .prepare_cached(
            "UPDATE calls SET state = 0, due_at_ms = ?2, attempts = ?3, unsent = ?4, lost = ?5
             WHERE seq = ?1 AND state < 2",
        )?
        .execute(params![held.seq, due_ms, call.attempts, call.unsent, call.lost])?;
    Ok((changed > 0).then(|| Waiting {
        seq: held.seq,
        id: call.id,
        due_ms,
        expires_ms: held.expires_ms,
        bytes: message_bytes(call.payload.len()),
        lost: call.lost,
        call: Some(call),
    }))
}

const fn recorded(changed: usize) -> Recorded {
    if changed > 0 { Recorded::Done } else { Recorded::Fenced }
}
