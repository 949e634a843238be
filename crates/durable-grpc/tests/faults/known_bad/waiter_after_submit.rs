//! A waiter that is registered after the submission, in a library that looks nobody up: a call that
//! ends before its submission returns is never heard of.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, OnceLock, Weak},
    time::Duration,
};

use async_trait::async_trait;
use durable_grpc::{
    CallId, CallStore, StoreError,
    store::{CallState, CallView, Ended, Hints, NewCall, Submitted},
};
use tokio::sync::watch;

use super::{Life, Variant};
use crate::{
    check::Violation,
    layered::Layer,
    plan::{Method, Plan},
};

/// Longer than lookups would take to find the end, if there were any.
const WAIT: Duration = Duration::from_secs(3);

pub(super) async fn told(variant: Variant) -> Vec<Violation> {
    let folder = tempfile::tempdir().unwrap();
    let life = Life::begin(folder.path(), Submission::new(variant)).await;
    let plan = Plan { wait: WAIT, ..Plan::simple(0, Method::Reserve) };
    life.caller.submit(&plan).await;
    life.settle(folder.path(), plan).await
}

/// Returns from a submission only after the call has ended and everybody was told.
struct Submission {
    ends: Arc<Ends>,
    /// Keeps what the store only holds weakly.
    hints: OnceLock<Arc<dyn Hints>>,
}

/// Hears of ends on the way from the store to the library.
struct Ends {
    variant: Variant,
    told: watch::Sender<HashSet<CallId>>,
    /// Calls whose submission has returned: only their waiters are registered in the bad variant.
    submitted: Mutex<HashSet<CallId>>,
    library: OnceLock<Weak<dyn Hints>>,
}

impl Submission {
    fn new(variant: Variant) -> Self {
        let (told, _) = watch::channel(HashSet::new());
        let ends = Ends { variant, told, submitted: Mutex::default(), library: OnceLock::new() };
        Self { ends: Arc::new(ends), hints: OnceLock::new() }
    }
}

#[async_trait]
impl Layer for Submission {
    async fn submit(
        &self,
        store: &dyn CallStore,
        calls: Vec<NewCall>,
    ) -> Vec<Result<Submitted, StoreError>> {
        let results = store.submit(calls).await;
        for result in &results {
            if let Ok(Submitted::Accepted(id)) = result {
                let mut told = self.ends.told.subscribe();
                told.wait_for(|told| told.contains(id)).await.unwrap();
                self.ends.submitted.lock().unwrap().insert(*id);
            }
        }
        results
    }

    /// The lookups are off in both variants, so that only the hint can wake the waiter.
    async fn lookup(
        &self,
        store: &dyn CallStore,
        ids: Vec<CallId>,
    ) -> Result<Vec<Option<CallView>>, StoreError> {
        let views = store.lookup(ids).await?;
        let running = |view: CallView| CallView { state: CallState::Running, ..view };
        Ok(views.into_iter().map(|view| view.map(running)).collect())
    }

    fn watch(&self, store: &dyn CallStore, hints: Weak<dyn Hints>) {
        _ = self.ends.library.set(hints);
        let ends: Arc<dyn Hints> = self.ends.clone();
        store.watch(Arc::downgrade(&ends));
        _ = self.hints.set(ends);
    }
}

impl Hints for Ends {
    fn ended(&self, calls: Vec<(CallId, Option<Arc<Ended>>)>) {
        let ids: Vec<_> = calls.iter().map(|(id, _)| *id).collect();
        let registered = ids.iter().all(|id| self.submitted.lock().unwrap().contains(id));
        if (self.variant == Variant::Good || registered)
            && let Some(library) = self.library.get().and_then(Weak::upgrade)
        {
            library.ended(calls);
        }
        self.told.send_modify(|told| told.extend(ids));
    }

    fn cancelled(&self, _: Vec<CallId>) {}

    fn resync(&self) {}
}
