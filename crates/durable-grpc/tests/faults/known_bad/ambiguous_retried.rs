//! Retrying what may have been executed: a method that is not idempotent is executed twice.

use std::time::Duration;

use async_trait::async_trait;
use durable_grpc::{
    CallStore, StoreError,
    store::{Disposition, EndKind, Finish, Recorded},
};

use super::{Life, Variant};
use crate::{
    check::Violation,
    layered::Layer,
    plan::{Manner, Method, Plan},
};

pub(super) async fn told(variant: Variant) -> Vec<Violation> {
    let folder = tempfile::tempdir().unwrap();
    let life = Life::begin(folder.path(), Finisher(variant)).await;
    let plan = Plan { manner: Manner::Hang, ..Plan::simple(0, Method::Charge) };
    life.caller.submit(&plan).await;
    life.settle(folder.path(), plan).await
}

struct Finisher(Variant);

#[async_trait]
impl Layer for Finisher {
    async fn finish(
        &self,
        store: &dyn CallStore,
        mut items: Vec<Finish>,
    ) -> Vec<Result<Recorded, StoreError>> {
        for item in &mut items {
            if let Disposition::End { ended, sent } = &item.disposition
                && ended.kind == EndKind::Ambiguous
                && self.0 == Variant::Bad
            {
                item.disposition = Disposition::Retry { after: Duration::ZERO, sent: *sent };
            }
        }
        store.finish(items).await
    }
}
