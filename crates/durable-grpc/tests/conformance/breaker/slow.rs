//! Targets that answer, but too late; and who else may take time.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use durable_grpc::{
    CallStore, StoreError, Target,
    store::{CallState, Receipt, Recorded},
};

use super::{ENOUGH, HOUR, Serving, free_port, hasty, names, refused, submit};
use crate::{
    callee::Callee,
    harness::{Rig, Stores, order},
    layer::{Layer, Layered},
    targets::endpoint,
};

pub(crate) async fn slow_calls_open_it(stores: impl Stores) {
    // Every call is slower than nothing.
    let options = hasty().slow(Duration::ZERO).slow_percent(80).open(HOUR, HOUR);
    let rig = Rig::built(stores.open().await, Callee::default(), |calls| calls.breaker(options));
    let address = free_port().await;
    let _serving = Serving::at(address, &rig.callee, None).await;
    let worker = rig.worker_at(Target::remote([endpoint(address)]));
    let ids = submit(&rig, &names("slow")).await;
    refused(&rig).await;
    let mut answered = 0;
    for id in ids {
        let state = rig.state(id).await;
        answered += usize::from(!matches!(state, Some(CallState::Waiting | CallState::Running)));
    }
    assert!(answered >= ENOUGH, "{answered}");
    worker.shutdown().await;
}

/// What a store takes for the mark, here: longer than an attempt may take before it counts as slow.
const MARK: Duration = Duration::from_secs(1);

/// Takes its time over the mark of a call that is about to be sent.
struct SlowMark;

#[async_trait]
impl Layer for SlowMark {
    async fn started(
        &self,
        store: &dyn CallStore,
        receipts: Vec<Receipt>,
    ) -> Vec<Result<Recorded, StoreError>> {
        tokio::time::sleep(MARK).await;
        store.started(receipts).await
    }
}

pub(crate) async fn only_the_target_is_slow(stores: impl Stores) {
    let store = Arc::new(Layered { store: stores.open().await, layer: SlowMark });
    let options = hasty().slow(MARK / 2).slow_percent(80).open(HOUR, HOUR);
    let rig = Rig::built(store, Callee::default(), |calls| calls.breaker(options));
    let address = free_port().await;
    let _serving = Serving::at(address, &rig.callee, None).await;
    let worker = rig.worker_at(Target::remote([endpoint(address)]));
    let charges = (0..ENOUGH * 3).map(|number| {
        let mut client = rig.client();
        async move { client.charge(order(&format!("tea-{number}"))).await }
    });
    for charged in futures::future::join_all(charges).await {
        charged.unwrap();
    }
    // Had it opened, this one would be refused.
    rig.client().charge(order("last")).await.unwrap();
    worker.shutdown().await;
}
