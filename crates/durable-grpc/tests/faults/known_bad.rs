//! Known-bad variants of the library, each with the interleaving in which it shows, and each caught
//! by the same checker that finds nothing wrong with the library itself in that interleaving.
//!
//! Each is a [`Layer`] between the library and its store: what the library would do if it had the
//! defect is what it does over a store that has it. Nothing in the library is switched.

mod ambiguous_retried;
mod hint_before_commit;
mod unfenced_finish;
mod waiter_after_submit;

use std::{path::Path, sync::Arc, time::Duration};

use durable_grpc::{CallStore, Calls, OpenError, SqliteStore, Target, Worker, WorkerHandle};

use crate::{
    DESCRIPTORS, LANE,
    check::{Violation, check},
    eventually::eventually,
    history::{CALLER, Histories, Journal, WORKER},
    layer::Recorder,
    layered::{Layer, Layered},
    plan::Plan,
    roles::{callee::Callee, caller::Caller, settle::settle_plans},
};

/// Whether the defect is there, or only its interleaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    Good,
    Bad,
}

/// How long an attempt may take: nothing here is slow unless it never answers.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(300);

/// Caller, worker and callee in this process, over SQLite in a folder.
pub(crate) struct Life {
    pub(crate) caller: Caller,
    worker: WorkerHandle,
}

impl Life {
    /// Opens the store of a folder and works, with a layer between the library and the store.
    pub(crate) async fn begin<L: Layer>(folder: &Path, layer: L) -> Self {
        let opened = eventually("the file is free", async || {
            match SqliteStore::open(folder.join("calls.db")) {
                Err(OpenError::InUse(_)) => None,
                opened => Some(opened.unwrap()),
            }
        });
        let store: Arc<dyn CallStore> = Arc::new(opened.await);
        let journal = Journal::append_to(&folder.join(format!("{WORKER}0.jsonl")));
        let recorded = Arc::new(Layered { store: store.clone(), layer: Recorder(journal) });
        let calls = build(Arc::new(Layered { store: recorded, layer }));
        let target = Target::in_process(Callee::open(folder).routes());
        let worker = Worker::builder(&calls).lane(LANE, target).spawn();
        let journal = Journal::append_to(&folder.join(CALLER));
        // Whoever inspects the story is not deceived by what sits before the store.
        Self { caller: Caller { calls, store: build(store), journal }, worker }
    }

    /// Asks for everything once more, and checks.
    pub(crate) async fn settle(self, folder: &Path, plan: Plan) -> Vec<Violation> {
        settle_plans(&self.caller, folder, |_| plan).await;
        self.worker.shutdown().await;
        check(&Histories::read(folder))
    }
}

pub(crate) fn build(store: Arc<dyn CallStore>) -> Calls {
    let calls = Calls::builder_shared(store).descriptors(DESCRIPTORS);
    calls.attempt_timeout(ATTEMPT_TIMEOUT).build().unwrap()
}

/// Runs both variants of a defect: the bad one breaks exactly these promises, the good one none.
macro_rules! caught {
    ($($module:ident: $expected:expr;)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $module() {
            assert_eq!($module::told(Variant::Good).await, []);
            assert_eq!($module::told(Variant::Bad).await, $expected);
        }
    )+};
}

caught! {
    waiter_after_submit: [Violation::Unheard(0)];
    unfenced_finish: [Violation::Changed(0)];
    hint_before_commit: [Violation::Changed(0)];
    ambiguous_retried: [Violation::Repeated(0)];
}
