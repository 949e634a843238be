//! A provider whose answers a test chooses. It keeps transfers as a real one does: what it says and
//! what happened are two things.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use http::HeaderMap;
use jiff::Timestamp;
use platform::provider::{
    Checkout, CheckoutState, NewCheckout, NewRefund, NewTransfer, Page, Payment, Provider,
    ProviderAmount, ProviderError, Refund, Transfer, TransferOutcome, TransferStatus, WebhookError,
    WebhookEvent, WebhookEventKind,
};
use serde::Deserialize;

/// What the next send meets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    /// The money moves, and the answer says so.
    Pay,
    /// Accepted, not moved yet.
    Pend,
    /// The money moves, and the answer is lost.
    PayAndLoseAnswer,
    /// Nothing happens, and the answer is lost.
    LoseRequest,
    /// Refused, without looking at the reference.
    Refuse(&'static str),
    /// No connection.
    Unreachable,
}

#[derive(Debug, Default)]
pub(crate) struct Bank {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order of their last change, which the number counts.
    changes: Vec<(u64, Transfer)>,
    last_change: u64,
    next: VecDeque<Next>,
    sends: Vec<NewTransfer>,
    lookups_fail: bool,
}

impl Bank {
    /// The next sends meet these, in order; after them everything is paid.
    pub(crate) fn script(&self, next: impl IntoIterator<Item = Next>) {
        self.state().next.extend(next);
    }

    /// Takes back what no send has met.
    pub(crate) fn unscript(&self) {
        self.state().next.clear();
    }

    /// Whether look-ups fail from now on.
    pub(crate) fn fail_lookups(&self, fail: bool) {
        self.state().lookups_fail = fail;
    }

    /// Every send so far, also those that had no effect.
    pub(crate) fn sends(&self) -> Vec<NewTransfer> {
        self.state().sends.clone()
    }

    /// Every transfer that exists.
    pub(crate) fn transfers(&self) -> Vec<Transfer> {
        self.state().changes.iter().map(|(_, transfer)| transfer.clone()).collect()
    }

    /// What has moved to a destination and stayed there.
    pub(crate) fn paid_minor(&self) -> i64 {
        let transfers = self.transfers();
        let paid = transfers.iter().filter(|transfer| transfer.status == TransferStatus::Paid);
        paid.map(|transfer| transfer.amount.minor).sum()
    }

    /// Changes a transfer's status, as time does.
    pub(crate) fn becomes(&self, provider_ref: &str, status: TransferStatus) {
        let mut state = self.state();
        let at = state.changes.iter().position(|(_, t)| t.provider_ref == provider_ref).unwrap();
        let (_, mut transfer) = state.changes.remove(at);
        transfer.status = status;
        state.changed(transfer);
    }

    /// Changes what a transfer is, as only a fault does.
    pub(crate) fn corrupt(&self, provider_ref: &str, change: impl Fn(&mut Transfer)) {
        let mut state = self.state();
        let transfers = state.changes.iter_mut().map(|(_, transfer)| transfer);
        transfers.filter(|t| t.provider_ref == provider_ref).for_each(change);
    }

    /// A transfer that we did not send.
    pub(crate) fn insert(&self, provider_ref: &str, minor: i64, destination: &str) -> Transfer {
        let sent = NewTransfer {
            provider_ref: provider_ref.to_owned(),
            amount: ProviderAmount::new(minor, "EUR"),
            destination: destination.to_owned(),
        };
        self.state().make(&sent, TransferStatus::Paid)
    }

    /// Forgets a transfer.
    pub(crate) fn forget(&self, provider_ref: &str) {
        self.state().changes.retain(|(_, transfer)| transfer.provider_ref != provider_ref);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn make(&mut self, sent: &NewTransfer, status: TransferStatus) -> Transfer {
        let transfer = Transfer {
            id: format!("tr_{}", uuid::Uuid::now_v7().simple()),
            provider_ref: sent.provider_ref.clone(),
            amount: sent.amount.clone(),
            destination: sent.destination.clone(),
            status,
            failure_code: None,
            created_at: Timestamp::UNIX_EPOCH,
        };
        self.changed(transfer.clone());
        transfer
    }

    fn changed(&mut self, transfer: Transfer) {
        self.last_change += 1;
        self.changes.push((self.last_change, transfer));
    }

    /// What exists under a reference wins over what is asked for, as with a real idempotency key.
    fn take(&mut self, sent: &NewTransfer, status: TransferStatus) -> Transfer {
        let known = self.changes.iter().find(|(_, t)| t.provider_ref == sent.provider_ref).cloned();
        known.map_or_else(|| self.make(sent, status), |(_, transfer)| transfer)
    }
}

fn lost<T>() -> Result<T, ProviderError> {
    Err(ProviderError::Unknown { reason: "the connection broke".to_owned() })
}

#[async_trait]
impl Provider for Bank {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn is_test(&self) -> bool {
        true
    }

    async fn create_checkout(&self, _: NewCheckout) -> Result<Checkout, ProviderError> {
        lost()
    }

    async fn checkout(&self, _: &str) -> Result<Option<CheckoutState>, ProviderError> {
        lost()
    }

    async fn payment(&self, _: &str) -> Result<Option<Payment>, ProviderError> {
        lost()
    }

    async fn payments(&self, _: Option<&str>) -> Result<Page<Payment>, ProviderError> {
        lost()
    }

    async fn transfer(&self, sent: NewTransfer) -> TransferOutcome {
        let mut state = self.state();
        state.sends.push(sent.clone());
        let unknown = || TransferOutcome::Unknown { reason: "no answer in time".to_owned() };
        match state.next.pop_front().unwrap_or(Next::Pay) {
            Next::Pay => TransferOutcome::of(state.take(&sent, TransferStatus::Paid)),
            Next::Pend => TransferOutcome::of(state.take(&sent, TransferStatus::Pending)),
            Next::PayAndLoseAnswer => {
                state.take(&sent, TransferStatus::Paid);
                unknown()
            }
            Next::LoseRequest => unknown(),
            Next::Refuse(code) => {
                TransferOutcome::Refused { code: code.to_owned(), message: "no".to_owned() }
            }
            Next::Unreachable => {
                TransferOutcome::NotSent { reason: "connection refused".to_owned() }
            }
        }
    }

    async fn transfer_by_reference(
        &self,
        provider_ref: &str,
    ) -> Result<Option<Transfer>, ProviderError> {
        let state = self.state();
        if state.lookups_fail {
            return lost();
        }
        let transfers = state.changes.iter().map(|(_, transfer)| transfer);
        let mut found = transfers.filter(|t| t.provider_ref == provider_ref);
        match (found.next().cloned(), found.count()) {
            (found, 0) => Ok(found),
            (_, more) => Err(ProviderError::Ambiguous {
                reference: provider_ref.to_owned(),
                count: more + 1,
            }),
        }
    }

    async fn transfers(&self, after: Option<&str>) -> Result<Page<Transfer>, ProviderError> {
        let state = self.state();
        if state.lookups_fail {
            return lost();
        }
        // One per page, so that every sweep pages.
        let seen: u64 = after.map_or(0, |cursor| cursor.parse().unwrap());
        let mut new = state.changes.iter().filter(|(change, _)| *change > seen);
        let first = new.next().cloned();
        let cursor = first.as_ref().map(|(change, _)| change.to_string());
        Ok(Page {
            items: first.into_iter().map(|(_, transfer)| transfer).collect(),
            cursor: cursor.or_else(|| after.map(str::to_owned)),
            has_more: new.next().is_some(),
        })
    }

    async fn refund(&self, _: NewRefund) -> Result<Refund, ProviderError> {
        lost()
    }

    fn verify_webhook(
        &self,
        headers: &HeaderMap,
        raw_body: &[u8],
        _: Timestamp,
    ) -> Result<WebhookEvent, WebhookError> {
        #[derive(Deserialize)]
        struct Body {
            id: String,
            kind: String,
            reference: String,
        }
        match headers.get("signature") {
            None => return Err(WebhookError::SignatureMissing),
            Some(signature) if signature != "good" => return Err(WebhookError::SignatureMismatch),
            Some(_) => {}
        }
        let body: Body = serde_json::from_slice(raw_body)
            .map_err(|error| WebhookError::BodyMalformed { reason: error.to_string() })?;
        Ok(WebhookEvent {
            id: body.id,
            kind: match body.kind.as_str() {
                "paid" => WebhookEventKind::TransferPaid,
                "failed" => WebhookEventKind::TransferFailed,
                "reversed" => WebhookEventKind::TransferReversed,
                other => WebhookEventKind::Other(other.to_owned()),
            },
            object_id: "tr".to_owned(),
            reference: Some(body.reference),
            created_at: Timestamp::UNIX_EPOCH,
        })
    }
}
