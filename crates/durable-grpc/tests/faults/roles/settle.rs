//! The end of a story: asks for everything once more, waits until nothing moves, and writes down
//! what the store holds.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use durable_grpc::{CallId, Calls, DeadLetterFilter, store::CallState};
use futures::{StreamExt as _, stream};

use super::{
    callee::digest_of_refusal,
    caller::{Caller, Known, known},
};
use crate::{
    LANE,
    eventually::within,
    history::{DUMP, DeadCall, Dump, Kept, Label, Stands, digest},
    plan::{Plan, label_of},
};

/// Calls that are asked for at the same time.
const AT_A_TIME: usize = 32;
/// How long nothing may be on its way any more: a lost lease, and a backoff behind it.
const DRAINS_IN: Duration = Duration::from_secs(60);
/// Dead letters in a page: small enough that stories have several pages.
const PAGE: usize = 20;

/// Ends a story with its caller, who knows its calls from the history in `folder`.
pub(crate) async fn settle(caller: &Caller, folder: &Path, seed: u64) {
    let plan = |label| Plan::of(seed, label);
    settle_plans(caller, folder, plan).await;
}

/// As [`settle`], for calls that do not follow from a seed.
pub(crate) async fn settle_plans(caller: &Caller, folder: &Path, plan: impl Fn(Label) -> Plan) {
    let calls: Vec<_> =
        known(folder).into_iter().map(|(label, known)| (plan(label), known)).collect();
    ask_again(caller, &calls).await;
    drain(&caller.store, &calls).await;
    // Some of them have been made by the asking itself.
    let known = known(folder);
    let dump = dump(&caller.store, &calls, &known).await;
    fs::write(folder.join(DUMP), serde_json::to_vec(&dump).unwrap()).unwrap();
}

/// Asks for every call by its key, or by its id where it has no key: what was answered is answered
/// the same, and what was lost on the way to the caller is found.
async fn ask_again(caller: &Caller, calls: &[(Plan, Known)]) {
    let asked = stream::iter(calls).for_each_concurrent(AT_A_TIME, async |(plan, known)| {
        if plan.kind.keyed {
            // Until it has an end: a caller that was killed while it asked would do the same.
            if known.over { _ = caller.submit(plan).await } else { caller.make(plan).await }
        } else if let Some(id) = &known.id
            && !known.over
        {
            caller.attach(plan, id.parse().unwrap()).await;
        }
    });
    asked.await;
}

/// Waits until nothing is on its way but what is not due yet. What never gets there is left to the
/// checker.
async fn drain(store: &Calls, calls: &[(Plan, Known)]) {
    let later = calls.iter().filter(|(plan, _)| plan.kind.later).count() as u64;
    let quiet = async || {
        let stats = store.stats().await.ok()?;
        let moving: u64 = stats.iter().map(|lane| lane.ready + lane.running + lane.later).sum();
        (moving <= later).then_some(())
    };
    _ = within(DRAINS_IN, quiet).await;
}

async fn dump(store: &Calls, calls: &[(Plan, Known)], known: &BTreeMap<Label, Known>) -> Dump {
    let mut dump = Dump::default();
    for (plan, _) in calls {
        let label = plan.label;
        let id: Option<CallId> = known[&label].id.as_ref().map(|id| id.parse().unwrap());
        let view = match (plan.key(), id) {
            (Some(key), _) => store.lookup_key(LANE, plan.kind.method.path(), &key).await.unwrap(),
            (None, Some(id)) => store.lookup(id).await.unwrap(),
            (None, None) => continue,
        };
        let call = view.as_ref().map(|view| view.id.to_string());
        let stands = view.map_or(Stands::Gone, |view| stands(&view.state));
        dump.calls.push(Kept { label, call, stands });
    }
    let mut filter = DeadLetterFilter { limit: PAGE, ..DeadLetterFilter::default() };
    loop {
        let page = store.dead_letters(filter.clone()).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.after = Some(last.call.id);
        dump.dead.extend(page.iter().map(|dead| DeadCall {
            label: label_of(&dead.payload),
            call: dead.call.id.to_string(),
            end: match stands(&dead.call.state) {
                Stands::Ended { end, .. } => end,
                other => format!("{other:?}"),
            },
        }));
    }
    dump.dead_counted = store.stats().await.unwrap().iter().map(|lane| lane.dead).sum();
    dump
}

fn stands(state: &CallState) -> Stands {
    match state {
        CallState::Waiting => Stands::Waiting,
        CallState::Running => Stands::Running,
        CallState::Ended(ended) => {
            let answer = ended.answer.as_ref().map(|answer| match answer.refusal() {
                Some(refusal) => digest_of_refusal(&refusal),
                None => digest(&answer.message.clone().unwrap_or_default()),
            });
            Stands::Ended { end: ended.kind.name().to_owned(), answer }
        }
    }
}
