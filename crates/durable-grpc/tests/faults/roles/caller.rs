//! The caller: makes the calls of its seed, writes down what it is told, and after a restart goes on
//! where it was.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use durable_grpc::{
    CALL_ID, CallId, Calls, DEFAULT_DEADLINE, RequestExt as _, call_id, end_kind, outcome,
    store::CallState,
};
use futures::future::join_all;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::callee::{digest_of, digest_of_refusal};
use crate::{
    LANE,
    eventually::PATIENCE,
    history::{CALLER, Failure, Journal, Label, Outcome, Told, read},
    plan::{Method, Plan},
    process,
    shop::{Order, Receipt, till_client::TillClient},
    story::pass,
};

/// Callers that call at the same time.
const CALLERS: usize = 16;
/// How long a caller takes breath before it asks again under the same key.
const AGAIN_AFTER: Duration = Duration::from_millis(50);
/// More calls than any story needs; a bound for what the disk has to take.
const MOST_CALLS: Label = 20_000;
/// Not due while the story lasts.
const LATER: Duration = Duration::from_hours(1);

/// Makes calls and keeps the caller's history.
pub(crate) struct Caller {
    pub(crate) calls: Calls,
    /// Where to ask how a call stands. The same, unless a defect sits between the two.
    pub(crate) store: Calls,
    pub(crate) journal: Journal,
}

/// What the caller of a call knows about it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    pub(crate) id: Option<String>,
    /// The caller has what it wanted, or will never get it.
    pub(crate) over: bool,
}

/// Makes calls until it is told to finish, and then until each of them has an end.
pub(crate) async fn load(caller: Caller, folder: &Path, seed: u64) {
    let known = known(folder);
    let next = known.last_key_value().map_or(0, |(label, _)| label + 1);
    let open: Vec<_> = known.into_iter().filter(|(_, known)| !known.over).collect();
    let (caller, next) = (Arc::new(caller), Arc::new(AtomicU32::new(next)));
    let resumed = open.into_iter().map(|(label, known)| {
        let caller = caller.clone();
        tokio::spawn(async move { caller.resume(&Plan::of(seed, label), &known).await })
    });
    let fresh = (0..CALLERS).map(|_| {
        let (caller, next, folder) = (caller.clone(), next.clone(), folder.to_owned());
        tokio::spawn(async move {
            while !process::is_to_finish(&folder) {
                let label = next.fetch_add(1, Ordering::Relaxed);
                if label >= MOST_CALLS {
                    break;
                }
                caller.make(&Plan::of(seed, label)).await;
            }
        })
    });
    let tasks: Vec<_> = resumed.chain(fresh).collect();
    assert!(join_all(tasks).await.iter().all(Result::is_ok), "a caller panicked");
}

/// What the caller's own history says about its calls.
pub(crate) fn known(folder: &Path) -> BTreeMap<Label, Known> {
    let mut calls: BTreeMap<Label, Known> = BTreeMap::new();
    for entry in read::<Told>(&folder.join(CALLER)) {
        match entry.event {
            Told::Submitted { label, .. } => _ = calls.entry(label).or_default(),
            Told::Accepted { label, call } | Told::Answered { label, call, .. } => {
                calls.insert(label, Known { id: Some(call), over: true });
            }
            Told::Failed { label, call, failure } => {
                let known = calls.entry(label).or_default();
                known.id = call.or(known.id.take());
                known.over |= failure.end.as_deref() == Some("ambiguous");
            }
        }
    }
    calls
}

impl Caller {
    /// Makes a call, under a key as often as it takes.
    pub(crate) async fn make(&self, plan: &Plan) {
        let until = Instant::now() + PATIENCE;
        while let Some(id) = self.submit(plan).await {
            if let (false, Some(id)) = (plan.kind.keyed, id) {
                return self.attach(plan, id).await;
            }
            pass(AGAIN_AFTER).await;
            // Without a key it was refused, and would be again. Whoever asks forever in vain shows in the
            // store's dump.
            if !plan.kind.keyed || Instant::now() > until {
                return;
            }
        }
    }

    /// Goes on with a call that an earlier life has left open.
    async fn resume(&self, plan: &Plan, known: &Known) {
        if plan.kind.keyed {
            self.make(plan).await;
        } else if let Some(id) = &known.id {
            self.attach(plan, id.parse().unwrap()).await;
        }
    }

    /// One submission. `Some` when it has neither answer nor final end, with the call's id if known.
    pub(crate) async fn submit(&self, plan: &Plan) -> Option<Option<CallId>> {
        let label = plan.label;
        self.journal.add(Told::Submitted { label, kind: plan.kind });
        let mut till = TillClient::new(self.calls.channel(LANE));
        let request = request(plan);
        let result = match plan.kind.method {
            Method::Reserve | Method::Once => till.reserve(request).await,
            Method::Charge => till.charge(request).await,
        };
        match result {
            Ok(reply) if plan.kind.detached && *reply.get_ref() == Receipt::default() => {
                let call = id_in(&reply);
                self.journal.add(Told::Accepted { label, call });
                None
            }
            Ok(reply) => self.answered(label, &reply),
            Err(status) => self.failed(label, status, plan.wait).await,
        }
    }

    /// Asks by the call's id.
    pub(crate) async fn attach(&self, plan: &Plan, id: CallId) {
        match self.calls.outcome::<Receipt>(id).await {
            Ok(reply) => _ = self.answered(plan.label, &reply),
            Err(status) => _ = self.failed(plan.label, status, DEFAULT_DEADLINE).await,
        }
    }

    fn answered(&self, label: Label, reply: &Response<Receipt>) -> Option<Option<CallId>> {
        let answer = digest_of(reply.get_ref());
        self.journal.add(Told::Answered { label, call: id_in(reply), answer });
        None
    }

    async fn failed(&self, label: Label, status: Status, wait: Duration) -> Option<Option<CallId>> {
        let id = call_id(&status);
        let outcome = match outcome(&status) {
            None => {
                let (call, answer) = (id.unwrap().to_string(), digest_of_refusal(&status));
                self.journal.add(Told::Answered { label, call, answer });
                return None;
            }
            Some(durable_grpc::Outcome::NotAccepted) => Outcome::NotAccepted,
            Some(durable_grpc::Outcome::Unknown) => Outcome::Unknown,
            Some(durable_grpc::Outcome::Mismatch) => Outcome::Mismatch,
        };
        let wait_ms = u64::try_from(wait.as_millis()).unwrap();
        let end = end_kind(&status).map(|end| end.name().to_owned());
        let had_ended = match id {
            Some(id) if end.is_none() => self.has_ended(id).await,
            _ => false,
        };
        let ambiguous = end.as_deref() == Some("ambiguous");
        let code = format!("{:?}: {}", status.code(), status.message());
        let failure = Failure { code, outcome, end, wait_ms, had_ended };
        let call = id.map(|id| id.to_string());
        self.journal.add(Told::Failed { label, call, failure });
        (!ambiguous).then_some(id)
    }

    async fn has_ended(&self, id: CallId) -> bool {
        let view = self.store.lookup(id).await.ok().flatten();
        view.is_some_and(|view| matches!(view.state, CallState::Ended(_)))
    }
}

fn request(plan: &Plan) -> Request<Order> {
    let mut request = Request::new(plan.order());
    let durable = request.durable().deadline(plan.wait);
    if let Some(key) = plan.key() {
        durable.key(key);
    }
    if plan.kind.detached {
        durable.detached();
    }
    if plan.kind.later {
        durable.not_before(std::time::SystemTime::now() + LATER);
    }
    request
}

fn id_in(reply: &Response<Receipt>) -> String {
    reply.metadata().get(CALL_ID).unwrap().to_str().unwrap().to_owned()
}
