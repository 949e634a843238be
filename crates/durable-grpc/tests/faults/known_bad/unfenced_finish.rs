//! A finish that hears whoever speaks last: the answer of an owner that has lost its claim replaces
//! the one that was already given.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use durable_grpc::{
    CallId, CallStore, StoreError,
    store::{Disposition, Ended, Finish, NewCall, Recorded, Submitted},
};
use tokio::sync::watch;

use super::{Life, Variant};
use crate::{
    check::Violation,
    layered::Layer,
    plan::{Method, Plan},
};

pub(super) async fn told(variant: Variant) -> Vec<Violation> {
    let folder = tempfile::tempdir().unwrap();
    let (stage, mut stages) = watch::channel(Stage::Nothing);
    let layer = Finisher { variant, stage: Arc::new(stage), overwritten: Mutex::default() };
    let life = Life::begin(folder.path(), layer).await;
    let plan = Plan::simple(0, Method::Reserve);
    life.caller.submit(&plan).await;
    stages.wait_for(|stage| *stage == Stage::LateIsFinished).await.unwrap();
    life.settle(folder.path(), plan).await
}

/// How far the story is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Nothing,
    /// The first answer is held back, and its owner has lost the claim.
    LateIsHeld,
    /// The call was executed again, and this answer is recorded.
    SecondIsFinished,
    /// The first answer was offered after all.
    LateIsFinished,
}

struct Finisher {
    variant: Variant,
    stage: Arc<watch::Sender<Stage>>,
    /// What the records say since they were overwritten.
    overwritten: Mutex<HashMap<CallId, Arc<Ended>>>,
}

#[async_trait]
impl Layer for Finisher {
    async fn finish(
        &self,
        store: &dyn CallStore,
        items: Vec<Finish>,
    ) -> Vec<Result<Recorded, StoreError>> {
        let first = self.stage.send_if_modified(|stage| {
            let first = *stage == Stage::Nothing;
            *stage = (*stage).max(Stage::LateIsHeld);
            first
        });
        if !first {
            let results = store.finish(items).await;
            self.stage.send_if_modified(|stage| {
                let held = *stage == Stage::LateIsHeld;
                *stage = (*stage).max(Stage::SecondIsFinished);
                held
            });
            return results;
        }
        // As when its lease has lapsed.
        store.release(items[0].receipt.owner).await.unwrap();
        let mut stage = self.stage.subscribe();
        stage.wait_for(|stage| *stage >= Stage::SecondIsFinished).await.unwrap();
        let results = store.finish(items.clone()).await;
        assert_eq!(results, [Ok(Recorded::Fenced)]);
        if self.variant == Variant::Bad
            && let Disposition::End { ended, .. } = &items[0].disposition
        {
            self.overwritten.lock().unwrap().insert(items[0].receipt.id, ended.clone());
        }
        self.stage.send_replace(Stage::LateIsFinished);
        results
    }

    async fn submit(
        &self,
        store: &dyn CallStore,
        calls: Vec<NewCall>,
    ) -> Vec<Result<Submitted, StoreError>> {
        let results = store.submit(calls).await.into_iter().map(|result| match result {
            Ok(Submitted::Ended(id, ended)) => {
                let overwritten = self.overwritten.lock().unwrap().get(&id).cloned();
                Ok(Submitted::Ended(id, overwritten.unwrap_or(ended)))
            }
            other => other,
        });
        results.collect()
    }
}
