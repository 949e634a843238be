//! Interleavings in which the library once broke a promise, as small as they could be made.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use durable_grpc::{
    CallStore, StoreError,
    store::{NewCall, Submitted},
};

use crate::{
    known_bad::Life,
    layer::Nothing,
    layered::Layer,
    plan::{Manner, Method, Plan},
};

/// A key is asked for again while the store hears nothing. That the store has not heard it this time
/// does not mean that the call was not accepted before: it runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_the_store_cannot_be_asked_for_is_not_denied() {
    let folder = tempfile::tempdir().unwrap();
    let life = Life::begin(folder.path(), DeafOnce::default()).await;
    let wait = Duration::from_millis(20);
    let plan = Plan { wait, manner: Manner::Slow(100), ..Plan::simple(0, Method::Once) };
    life.caller.submit(&plan).await;
    life.caller.submit(&plan).await;
    assert_eq!(life.settle(folder.path(), plan).await, []);
}

/// Hears the first submission, and not the second.
#[derive(Default)]
struct DeafOnce {
    heard: AtomicBool,
    deaf: AtomicBool,
}

#[async_trait]
impl Layer for DeafOnce {
    async fn submit(
        &self,
        store: &dyn CallStore,
        calls: Vec<NewCall>,
    ) -> Vec<Result<Submitted, StoreError>> {
        if self.heard.swap(true, Ordering::Relaxed) && !self.deaf.swap(true, Ordering::Relaxed) {
            let away = StoreError::NotWritten("not connected".to_owned());
            return vec![Err(away); calls.len()];
        }
        store.submit(calls).await
    }
}

/// A call that is not idempotent and whose answer is too large to be kept was executed. Asking for
/// its key again does not execute it a second time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_cannot_be_kept_does_not_free_the_key_of_a_charge() {
    let folder = tempfile::tempdir().unwrap();
    let life = Life::begin(folder.path(), Nothing).await;
    let plan = Plan { manner: Manner::TooLarge, ..Plan::simple(0, Method::Charge) };
    life.caller.submit(&plan).await;
    life.caller.submit(&plan).await;
    assert_eq!(life.settle(folder.path(), plan).await, []);
}
