//! The claims that this process holds. The server knows them too, as pending entries of the owner;
//! this list tells those that were handed out from those whose delivery was lost on the way.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use super::lock;
use crate::{
    id::CallId,
    store::{Owner, Receipt, StoredCall},
};

/// By call: a later delivery of the same call takes the place of an earlier one.
#[derive(Default)]
pub(super) struct Held(Mutex<HashMap<CallId, HeldClaim>>);

/// A claim that was handed out here.
#[derive(Clone)]
pub(super) struct HeldClaim {
    owner: Owner,
    delivery: u64,
    /// The entry of the lane's stream.
    pub(super) stream_id: Arc<str>,
    pub(super) call: Arc<StoredCall>,
}

impl HeldClaim {
    fn is(&self, receipt: &Receipt) -> bool {
        self.owner == receipt.owner && self.delivery == receipt.delivery
    }
}

impl Held {
    pub(super) fn take(&self, receipt: &Receipt, stream_id: &str, call: &Arc<StoredCall>) {
        let (owner, delivery) = (receipt.owner, receipt.delivery);
        let claim = HeldClaim { owner, delivery, stream_id: stream_id.into(), call: call.clone() };
        lock(&self.0).insert(receipt.id, claim);
    }

    /// The claim, if this very one was handed out here and has not been finished.
    pub(super) fn get(&self, receipt: &Receipt) -> Option<HeldClaim> {
        lock(&self.0).get(&receipt.id).filter(|held| held.is(receipt)).cloned()
    }

    /// The stream entries that an owner has in a lane.
    pub(super) fn entries(&self, owner: Owner, lane: &str) -> HashSet<Arc<str>> {
        let held = lock(&self.0);
        let of_owner = held.values().filter(|held| held.owner == owner && *held.call.lane == *lane);
        of_owner.map(|held| held.stream_id.clone()).collect()
    }

    pub(super) fn let_go(&self, receipt: &Receipt) {
        let mut held = lock(&self.0);
        if held.get(&receipt.id).is_some_and(|held| held.is(receipt)) {
            held.remove(&receipt.id);
        }
    }

    pub(super) fn let_all_go(&self, owner: Owner) {
        lock(&self.0).retain(|_, held| held.owner != owner);
    }
}
