//! The layers of the stories: none, and one that writes a worker's history.

use async_trait::async_trait;
use durable_grpc::{
    CallStore, StoreError,
    store::{Claim, Finish, Receipt, Recorded},
};

use crate::{
    history::{Handled, Journal, now_us},
    layered::Layer,
};

/// The layer that is none.
pub(crate) struct Nothing;

impl Layer for Nothing {}

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
