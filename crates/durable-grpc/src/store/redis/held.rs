//! The claims that this process holds. The server knows them too, as pending entries of the owner;
//! this list tells those that were handed out from those whose delivery was lost on the way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use super::lock;
use crate::{
    id::CallId,
    store::{Owner, Receipt, StoredCall},
};

/// By call and delivery.
#[derive(Default)]
pub(super) struct Held(Mutex<Claims>);

type Claims = HashMap<(CallId, u64), (Owner, Arc<StoredCall>)>;

impl Held {
    pub(super) fn take(&self, receipt: &Receipt, call: &Arc<StoredCall>) {
        let claim = (receipt.owner, call.clone());
        lock(&self.0).insert((receipt.id, receipt.delivery), claim);
    }

    /// The claimed call, if this very claim was handed out here and has not been finished.
    pub(super) fn get(&self, receipt: &Receipt) -> Option<Arc<StoredCall>> {
        let held = lock(&self.0);
        let (owner, call) = held.get(&(receipt.id, receipt.delivery))?;
        (*owner == receipt.owner).then(|| call.clone())
    }

    pub(super) fn has(&self, id: CallId, delivery: u64) -> bool {
        lock(&self.0).contains_key(&(id, delivery))
    }

    pub(super) fn count(&self, owner: Owner) -> usize {
        lock(&self.0).values().filter(|(holder, _)| *holder == owner).count()
    }

    pub(super) fn let_go(&self, receipt: &Receipt) {
        lock(&self.0).remove(&(receipt.id, receipt.delivery));
    }

    pub(super) fn let_all_go(&self, owner: Owner) {
        lock(&self.0).retain(|_, (holder, _)| *holder != owner);
    }
}
