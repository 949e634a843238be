//! A store that keeps nothing and has an answer to every call, so that only the way to a store and
//! back is measured.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use async_trait::async_trait;
use durable_grpc::{
    CallId, CallStore, Cancelled, DeadLetter, DeadLetterFilter, LaneStats, StoreError,
    store::{
        Backlog, CallView, Claim, Ended, Finish, Hints, NewCall, Owner, Receipt, Recorded,
        Submitted, TargetHealth,
    },
};

/// When the stub answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answers {
    /// With the submission, as for a key that has an answer already.
    AtOnce,
    /// By a hint, as for a call that was executed.
    ByHint,
}

pub(crate) struct StubStore {
    answers: Answers,
    ended: Arc<Ended>,
    hints: Mutex<Option<Weak<dyn Hints>>>,
}

impl StubStore {
    pub(crate) fn new(answers: Answers, ended: Ended) -> Self {
        Self { answers, ended: Arc::new(ended), hints: Mutex::default() }
    }

    fn answer(&self, call: &NewCall) -> Submitted {
        match self.answers {
            Answers::AtOnce => Submitted::Ended(call.id, self.ended.clone()),
            Answers::ByHint => {
                let hints = self.hints.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(hints) = hints.and_then(|hints| hints.upgrade()) {
                    hints.ended(vec![(call.id, Some(self.ended.clone()))]);
                }
                Submitted::Accepted(call.id)
            }
        }
    }
}

#[async_trait]
impl CallStore for StubStore {
    async fn submit(&self, calls: Vec<NewCall>) -> Vec<Result<Submitted, StoreError>> {
        calls.iter().map(|call| Ok(self.answer(call))).collect()
    }

    async fn claim(
        &self,
        _: Owner,
        _: &str,
        _: usize,
        _: Duration,
    ) -> Result<Vec<Claim>, StoreError> {
        Ok(Vec::new())
    }

    async fn started(&self, receipts: Vec<Receipt>) -> Vec<Result<Recorded, StoreError>> {
        receipts.iter().map(|_| Ok(Recorded::Fenced)).collect()
    }

    async fn finish(&self, items: Vec<Finish>) -> Vec<Result<Recorded, StoreError>> {
        items.iter().map(|_| Ok(Recorded::Fenced)).collect()
    }

    async fn heartbeat(&self, _: Owner, _: &[(Arc<str>, TargetHealth)]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn takeover(&self) -> Result<usize, StoreError> {
        Ok(0)
    }

    async fn release(&self, _: Owner) -> Result<usize, StoreError> {
        Ok(0)
    }

    async fn lookup(&self, ids: Vec<CallId>) -> Result<Vec<Option<CallView>>, StoreError> {
        Ok(vec![None; ids.len()])
    }

    async fn lookup_key(&self, _: &str, _: &str, _: &str) -> Result<Option<CallView>, StoreError> {
        Ok(None)
    }

    async fn cancel(&self, _: CallId) -> Result<Cancelled, StoreError> {
        Ok(Cancelled::NotFound)
    }

    async fn dead_letters(&self, _: DeadLetterFilter) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(Vec::new())
    }

    async fn replay(&self, _: CallId) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn discard(&self, _: CallId) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn stats(&self) -> Result<Vec<LaneStats>, StoreError> {
        Ok(Vec::new())
    }

    /// A healthy worker: calls to a lane that nobody serves may be refused before they get here.
    async fn backlog(&self, _: &str) -> Result<Backlog, StoreError> {
        Ok(Backlog { workers: vec![TargetHealth::Up], ..Backlog::default() })
    }

    async fn sweep(&self, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }

    fn watch(&self, hints: Weak<dyn Hints>) {
        *self.hints.lock().unwrap_or_else(PoisonError::into_inner) = Some(hints);
    }
}
