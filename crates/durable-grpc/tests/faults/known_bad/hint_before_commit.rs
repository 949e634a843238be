//! Hints that are sent before what they tell of is committed, and believed: after a crash in between
//! the call is executed again, and its answer is another than the caller was given.

use std::sync::{OnceLock, Weak};

use async_trait::async_trait;
use durable_grpc::{
    CallStore, StoreError,
    store::{Disposition, Finish, Hints, Recorded},
};
use tokio::sync::watch;

use super::{Life, Variant};
use crate::{
    check::Violation,
    layer::Nothing,
    layered::Layer,
    plan::{Method, Plan},
};

pub(super) async fn told(variant: Variant) -> Vec<Violation> {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::simple(0, Method::Reserve);
    let (crash, crashed) = watch::channel(Crash::Never);
    let hints = OnceLock::new();
    let life = Life::begin(folder.path(), Finisher { variant, crash, hints }).await;
    let Life { caller, worker } = life;
    {
        // The caller of the good variant hears nothing before the crash, and dies with it.
        let mut crashed = crashed.clone();
        tokio::select! {
            _ = caller.submit(&plan) => {}
            _ = crashed.wait_for(|crash| variant == Variant::Good && *crash == Crash::Now) => {}
        }
    }
    drop((caller, worker, crashed));

    let life = Life::begin(folder.path(), Nothing).await;
    life.settle(folder.path(), plan).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Crash {
    Never,
    Now,
}

/// Crashes instead of committing the first end.
struct Finisher {
    variant: Variant,
    crash: watch::Sender<Crash>,
    hints: OnceLock<Weak<dyn Hints>>,
}

#[async_trait]
impl Layer for Finisher {
    async fn finish(
        &self,
        _: &dyn CallStore,
        items: Vec<Finish>,
    ) -> Vec<Result<Recorded, StoreError>> {
        if self.variant == Variant::Bad
            && let Disposition::End { ended, .. } = &items[0].disposition
        {
            let library = self.hints.get().and_then(Weak::upgrade).unwrap();
            library.ended(vec![(items[0].receipt.id, Some(ended.clone()))]);
        }
        self.crash.send_replace(Crash::Now);
        // Nothing of this process reaches the disk any more.
        vec![Err(StoreError::Closed); items.len()]
    }

    fn watch(&self, store: &dyn CallStore, hints: Weak<dyn Hints>) {
        _ = self.hints.set(hints.clone());
        store.watch(hints);
    }
}
