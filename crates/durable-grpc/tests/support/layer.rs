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

    async fn started(
        &self,
        store: &dyn CallStore,
        receipts: Vec<Receipt>,
    ) -> Vec<Result<Recorded, StoreError>> {
        store.started(receipts).await
    }

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
        self.layer.started(&*self.store, receipts).await
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
