//! A store with something between it and the library: a recorder, or a defect.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use async_trait::async_trait;
use durable_grpc::{
    CallId, CallStore, Cancelled, DeadLetter, DeadLetterFilter, LaneStats, StoreError,
    store::{
        Backlog, CallView, Claim, Finish, Hints, NewCall, Owner, Receipt, Recorded, Submitted,
        TargetHealth,
    },
};

use crate::history::{Handled, Journal, now_us};

/// What is done to the calls of a store. Everything passes unless a layer says otherwise.
#[async_trait]
pub(crate) trait Layer: Send + Sync + 'static {
    async fn submit(
        &self,
        store: &dyn CallStore,
        calls: Vec<NewCall>,
    ) -> Vec<Result<Submitted, StoreError>> {
        store.submit(calls).await
    }

    fn claimed(&self, _claims: &[Claim]) {}

    async fn finish(
        &self,
        store: &dyn CallStore,
        items: Vec<Finish>,
    ) -> Vec<Result<Recorded, StoreError>> {
        store.finish(items).await
    }

    async fn lookup(
        &self,
        store: &dyn CallStore,
        ids: Vec<CallId>,
    ) -> Result<Vec<Option<CallView>>, StoreError> {
        store.lookup(ids).await
    }

    fn watch(&self, store: &dyn CallStore, hints: Weak<dyn Hints>) {
        store.watch(hints);
    }
}

/// The layer that is none.
pub(crate) struct Nothing;

impl Layer for Nothing {}

/// A store under a layer.
pub(crate) struct Layered<L> {
    pub(crate) store: Arc<dyn CallStore>,
    pub(crate) layer: L,
}

#[async_trait]
impl<L: Layer> CallStore for Layered<L> {
    async fn submit(&self, calls: Vec<NewCall>) -> Vec<Result<Submitted, StoreError>> {
        self.layer.submit(&*self.store, calls).await
    }
    async fn claim(
        &self,
        owner: Owner,
        lane: &str,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Claim>, StoreError> {
        let claims = self.store.claim(owner, lane, limit, wait).await?;
        self.layer.claimed(&claims);
        Ok(claims)
    }
    async fn started(&self, receipts: Vec<Receipt>) -> Vec<Result<Recorded, StoreError>> {
        self.store.started(receipts).await
    }
    async fn finish(&self, items: Vec<Finish>) -> Vec<Result<Recorded, StoreError>> {
        self.layer.finish(&*self.store, items).await
    }
    async fn heartbeat(
        &self,
        owner: Owner,
        lanes: &[(Arc<str>, TargetHealth)],
    ) -> Result<(), StoreError> {
        self.store.heartbeat(owner, lanes).await
    }
    async fn takeover(&self) -> Result<usize, StoreError> {
        self.store.takeover().await
    }
    async fn release(&self, owner: Owner) -> Result<usize, StoreError> {
        self.store.release(owner).await
    }
    async fn lookup(&self, ids: Vec<CallId>) -> Result<Vec<Option<CallView>>, StoreError> {
        self.layer.lookup(&*self.store, ids).await
    }
    async fn lookup_key(
        &self,
        lane: &str,
        method: &str,
        key: &str,
    ) -> Result<Option<CallView>, StoreError> {
        self.store.lookup_key(lane, method, key).await
    }
    async fn cancel(&self, id: CallId) -> Result<Cancelled, StoreError> {
        self.store.cancel(id).await
    }
    async fn dead_letters(&self, filter: DeadLetterFilter) -> Result<Vec<DeadLetter>, StoreError> {
        self.store.dead_letters(filter).await
    }
    async fn replay(&self, id: CallId) -> Result<bool, StoreError> {
        self.store.replay(id).await
    }
    async fn discard(&self, id: CallId) -> Result<bool, StoreError> {
        self.store.discard(id).await
    }
    async fn stats(&self) -> Result<Vec<LaneStats>, StoreError> {
        self.store.stats().await
    }
    async fn backlog(&self, lane: &str) -> Result<Backlog, StoreError> {
        self.store.backlog(lane).await
    }
    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        self.store.sweep(limit).await
    }
    fn watch(&self, hints: Weak<dyn Hints>) {
        self.layer.watch(&*self.store, hints);
    }
}

/// Writes a worker's history.
pub(crate) struct Recorder(pub(crate) Journal);

#[async_trait]
impl Layer for Recorder {
    fn claimed(&self, claims: &[Claim]) {
        for claim in claims {
            let Receipt { id, owner, delivery, .. } = &claim.receipt;
            let (call, owner) = (id.to_string(), owner.to_string());
            self.0.add(Handled::Claimed { call, owner, delivery: *delivery });
        }
    }

    async fn finish(
        &self,
        store: &dyn CallStore,
        items: Vec<Finish>,
    ) -> Vec<Result<Recorded, StoreError>> {
        let receipts: Vec<_> = items.iter().map(|item| item.receipt.clone()).collect();
        let began_us = now_us();
        let results = store.finish(items).await;
        for (receipt, result) in receipts.into_iter().zip(&results) {
            if let Ok(recorded) = result {
                let (call, owner) = (receipt.id.to_string(), receipt.owner.to_string());
                let (delivery, heard) = (receipt.delivery, *recorded == Recorded::Done);
                self.0.add(Handled::Finished { call, owner, delivery, heard, began_us });
            }
        }
        results
    }
}
