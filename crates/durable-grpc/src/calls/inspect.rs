//! Asking about calls, and repairing what needs an operator.

use std::time::Duration;

use tonic::{Response, Status, metadata::MetadataMap};

use super::{Calls, far};
use crate::{
    id::CallId,
    limits::DEFAULT_DEADLINE,
    outcome,
    raw::RawReply,
    store::{CallView, Cancelled, DeadLetter, DeadLetterFilter, LaneStats, StoreError},
};

impl Calls {
    /// Attaches to a call by its id and waits up to 30 s for its answer.
    ///
    /// # Errors
    /// As the call itself, and NOT_FOUND when the call is not known (any more).
    pub async fn outcome<R>(&self, id: CallId) -> Result<Response<R>, Status>
    where
        R: prost::Message + Default,
    {
        let reply = self.outcome_raw(id, DEFAULT_DEADLINE).await?;
        let mut metadata: MetadataMap = reply.metadata;
        metadata.as_mut().extend(reply.trailers.into_headers());
        let message = R::decode(reply.message).map_err(|error| {
            let message = format!("answer of call {id} is of another type: {error}");
            outcome::status(tonic::Code::Internal, message, outcome::Outcome::Unknown, Some(id))
        })?;
        Ok(Response::from_parts(metadata, message, http::Extensions::new()))
    }

    /// Attaches to a call by its id and waits for its answer, not decoded.
    ///
    /// # Errors
    /// As [`outcome`](Self::outcome).
    pub async fn outcome_raw(&self, id: CallId, deadline: Duration) -> Result<RawReply, Status> {
        tokio::time::timeout_at(far(deadline), self.attach(id))
            .await
            .map_err(|_| outcome::deadline_exceeded(id))??
            .reply(id)
    }

    /// Where a call stands, without waiting.
    ///
    /// # Errors
    /// The store could not be asked.
    pub async fn lookup(&self, id: CallId) -> Result<Option<CallView>, StoreError> {
        Ok(self.inner.store.lookup(vec![id]).await?.pop().flatten())
    }

    /// The call a key names, without waiting.
    ///
    /// # Errors
    /// The store could not be asked.
    pub async fn lookup_key(
        &self,
        lane: &str,
        method: &str,
        key: &str,
    ) -> Result<Option<CallView>, StoreError> {
        self.inner.store.lookup_key(lane, method, key).await
    }

    /// Removes a call that waits, or tells the worker of a running one to stop. Only `Removed` with
    /// `may_have_executed: false` says that the callee has not seen it.
    ///
    /// # Errors
    /// The store could not be asked.
    pub async fn cancel(&self, id: CallId) -> Result<Cancelled, StoreError> {
        self.inner.store.cancel(id).await
    }

    /// The calls that wait for an operator, oldest first.
    ///
    /// # Errors
    /// The store could not be asked.
    pub async fn dead_letters(
        &self,
        filter: DeadLetterFilter,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        self.inner.store.dead_letters(filter).await
    }

    /// Runs a dead letter again, under the same id and key. `false`: there is no such dead letter.
    ///
    /// # Errors
    /// The store could not be asked.
    pub async fn replay(&self, id: CallId) -> Result<bool, StoreError> {
        self.inner.store.replay(id).await
    }

    /// Ends a dead letter for good. `false`: there is no such dead letter.
    ///
    /// # Errors
    /// The store could not be asked.
    pub async fn discard(&self, id: CallId) -> Result<bool, StoreError> {
        self.inner.store.discard(id).await
    }

    /// How each lane stands.
    ///
    /// # Errors
    /// The store could not be asked.
    pub async fn stats(&self) -> Result<Vec<LaneStats>, StoreError> {
        self.inner.store.stats().await
    }
}
