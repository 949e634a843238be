//! A payment provider that lives in the test: its payments are what the test says they are.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use http::HeaderMap;
use jiff::Timestamp;
use platform::provider::{
    Checkout, CheckoutState, NewCheckout, NewRefund, NewTransfer, Page, Payment, PaymentStatus,
    Provider, ProviderAmount, ProviderError, Refund, Transfer, TransferOutcome, TransferStatus,
    WebhookError, WebhookEvent, WebhookEventKind,
};

/// The provider; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bank(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// In the order of their last change, which the number counts.
    payments: Vec<(u64, Payment)>,
    checkouts: Vec<NewCheckout>,
    expired: Vec<String>,
    /// Payments that the list leaves out.
    unlisted: Vec<Payment>,
    lost_answers: u32,
    transfers: Vec<(u64, Transfer)>,
    changes: u64,
    next: VecDeque<Next>,
}

/// What becomes of the next transfer that is sent; it is paid unless something else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is taken, and paid or not later.
    Pending,
    /// It is paid, and the answer is lost.
    PaidUnheard,
    /// It never arrives, which nobody learns.
    LostUnheard,
    /// It is refused.
    Refused,
}

impl Bank {
    /// The next answer about a checkout is lost on its way; the checkout is there.
    pub(crate) fn lose_an_answer(&self) {
        self.0.lock().unwrap().lost_answers += 1;
    }

    /// The checkouts that were opened.
    pub(crate) fn checkouts(&self) -> Vec<NewCheckout> {
        self.0.lock().unwrap().checkouts.clone()
    }

    /// What becomes of the next transfer.
    pub(crate) fn next(&self, next: Next) {
        self.0.lock().unwrap().next.push_back(next);
    }

    /// From now on every transfer is paid.
    pub(crate) fn behave(&self) {
        self.0.lock().unwrap().next.clear();
    }

    /// Every transfer that the bank has.
    pub(crate) fn transfers(&self) -> Vec<Transfer> {
        self.0.lock().unwrap().transfers.iter().map(|(_, transfer)| transfer.clone()).collect()
    }

    /// A transfer of which nobody here asked.
    pub(crate) fn transfer_of_its_own(&self, provider_ref: &str, minor: i64, destination: &str) {
        let asked = NewTransfer {
            provider_ref: provider_ref.to_owned(),
            amount: ProviderAmount::new(minor, "EUR"),
            destination: destination.to_owned(),
        };
        self.0.lock().unwrap().make(asked, TransferStatus::Paid);
    }

    /// A transfer changes, and moves to the end of the list.
    pub(crate) fn turn(&self, provider_ref: &str, status: TransferStatus) {
        let mut state = self.0.lock().unwrap();
        let known = |(_, t): &(u64, Transfer)| t.provider_ref == provider_ref;
        let place = state.transfers.iter().position(known).unwrap();
        let (_, transfer) = state.transfers.remove(place);
        let change = state.change();
        state.transfers.push((change, Transfer { status, ..transfer }));
    }

    /// The ids of all payments.
    pub(crate) fn payment_ids(&self) -> Vec<String> {
        self.0.lock().unwrap().payments().map(|payment| payment.id.clone()).collect()
    }

    /// So much of a payment was taken back, all in all.
    pub(crate) fn charge_back(&self, id: &str, minor: i64) {
        let mut state = self.0.lock().unwrap();
        let place = state.payments.iter().position(|(_, payment)| payment.id == id).unwrap();
        let (_, payment) = state.payments.remove(place);
        let (status, change) = (PaymentStatus::ChargedBack, state.change());
        state.payments.push((change, Payment { charged_back_minor: minor, status, ..payment }));
    }

    /// A payment of which neither the list nor a webhook tells.
    pub(crate) fn pay_quietly(&self, id: &str, reference: &str, minor: i64) {
        let paid = payment(id, reference, minor, PaymentStatus::Paid);
        self.0.lock().unwrap().unlisted.push(paid);
    }

    /// Nobody paid a checkout in time.
    pub(crate) fn expire(&self, reference: &str) {
        self.0.lock().unwrap().expired.push(reference.to_owned());
    }

    /// A payment in the list, of this status.
    pub(crate) fn pay(&self, id: &str, reference: &str, minor: i64, status: PaymentStatus) {
        let payment = payment(id, reference, minor, status);
        let mut state = self.0.lock().unwrap();
        state.payments.retain(|(_, payment)| payment.id != id);
        let change = state.change();
        state.payments.push((change, payment));
    }

    /// Every payment that the bank has.
    pub(crate) fn payments(&self) -> Vec<Payment> {
        self.0.lock().unwrap().payments().cloned().collect()
    }
}

impl State {
    fn change(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }

    fn payments(&self) -> impl Iterator<Item = &Payment> {
        self.payments.iter().map(|(_, payment)| payment).chain(&self.unlisted)
    }

    fn transfer(&self, provider_ref: &str) -> Option<Transfer> {
        let mut found = self.transfers.iter().map(|(_, transfer)| transfer);
        found.find(|transfer| transfer.provider_ref == provider_ref).cloned()
    }

    fn make(&mut self, asked: NewTransfer, status: TransferStatus) -> Transfer {
        let NewTransfer { provider_ref, amount, destination } = asked;
        let transfer = Transfer {
            id: format!("tr_{}", self.transfers.len() + 1),
            provider_ref,
            amount,
            destination,
            status,
            failure_code: None,
            created_at: Timestamp::UNIX_EPOCH,
        };
        let change = self.change();
        self.transfers.push((change, transfer.clone()));
        transfer
    }
}

fn payment(id: &str, reference: &str, minor: i64, status: PaymentStatus) -> Payment {
    Payment {
        id: id.to_owned(),
        reference: reference.to_owned(),
        amount: ProviderAmount::new(minor, "EUR"),
        cost_minor: 10,
        refunded_minor: 0,
        charged_back_minor: 0,
        status,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

/// What changed after that. Two to a page, so that sweeps have to turn it.
fn page<T: Clone>(log: &[(u64, T)], after: Option<&str>) -> Page<T> {
    let seen: u64 = after.map_or(0, |after| after.parse().unwrap());
    let mut new = log.iter().filter(|(change, _)| *change > seen);
    let items: Vec<_> = new.by_ref().take(2).cloned().collect();
    let cursor = items.last().map_or(seen, |(change, _)| *change);
    let items = items.into_iter().map(|(_, item)| item).collect();
    Page { items, cursor: Some(cursor.to_string()), has_more: new.next().is_some() }
}

#[async_trait]
impl Provider for Bank {
    fn name(&self) -> &'static str {
        "bank of the test"
    }

    fn is_test(&self) -> bool {
        true
    }

    async fn create_checkout(&self, checkout: NewCheckout) -> Result<Checkout, ProviderError> {
        let unknown = |reason: &str| ProviderError::Unknown { reason: reason.to_owned() };
        let mut state = self.0.lock().unwrap();
        let known = state.checkouts.iter().find(|known| known.reference == checkout.reference);
        match known {
            None => state.checkouts.push(checkout.clone()),
            Some(known) if *known == checkout => {}
            Some(_) => return Err(unknown("the key was used with another request")),
        }
        if state.lost_answers > 0 {
            state.lost_answers -= 1;
            return Err(unknown("the connection was lost"));
        }
        let url = format!("http://bank.test/{}", checkout.reference);
        Ok(Checkout { id: format!("chk_{}", checkout.reference), url })
    }

    async fn checkout(&self, id: &str) -> Result<Option<CheckoutState>, ProviderError> {
        let state = self.0.lock().unwrap();
        let known = state.checkouts.iter().find(|known| id == format!("chk_{}", known.reference));
        Ok(known.map(|known| {
            let paid = state.payments().find(|payment| payment.reference == known.reference);
            match paid {
                Some(payment) => CheckoutState::Complete { payment_id: payment.id.clone() },
                None if state.expired.contains(&known.reference) => CheckoutState::Expired,
                None => CheckoutState::Open,
            }
        }))
    }

    async fn payment(&self, payment_id: &str) -> Result<Option<Payment>, ProviderError> {
        Ok(self.0.lock().unwrap().payments().find(|payment| payment.id == payment_id).cloned())
    }

    async fn payments(&self, after: Option<&str>) -> Result<Page<Payment>, ProviderError> {
        Ok(page(&self.0.lock().unwrap().payments, after))
    }

    async fn transfer(&self, asked: NewTransfer) -> TransferOutcome {
        let unknown = || TransferOutcome::Unknown { reason: "the connection was lost".to_owned() };
        let mut state = self.0.lock().unwrap();
        if let Some(known) = state.transfer(&asked.provider_ref) {
            return TransferOutcome::of(known);
        }
        match state.next.pop_front() {
            None => TransferOutcome::Paid(state.make(asked, TransferStatus::Paid)),
            Some(Next::Pending) => {
                TransferOutcome::Pending(state.make(asked, TransferStatus::Pending))
            }
            Some(Next::PaidUnheard) => {
                state.make(asked, TransferStatus::Paid);
                unknown()
            }
            Some(Next::LostUnheard) => unknown(),
            Some(Next::Refused) => TransferOutcome::Refused {
                code: "account_closed".to_owned(),
                message: "the account is closed".to_owned(),
            },
        }
    }

    async fn transfer_by_reference(&self, of: &str) -> Result<Option<Transfer>, ProviderError> {
        Ok(self.0.lock().unwrap().transfer(of))
    }

    async fn transfers(&self, after: Option<&str>) -> Result<Page<Transfer>, ProviderError> {
        Ok(page(&self.0.lock().unwrap().transfers, after))
    }

    async fn refund(&self, _: NewRefund) -> Result<Refund, ProviderError> {
        unreachable!("giveaway-api refunds nothing")
    }

    /// The body is the payment's id; the signature is a word.
    fn verify_webhook(
        &self,
        headers: &HeaderMap,
        raw_body: &[u8],
        _: Timestamp,
    ) -> Result<WebhookEvent, WebhookError> {
        if headers.get("signature").is_none_or(|signature| signature != "genuine") {
            return Err(WebhookError::SignatureMismatch);
        }
        // What stands behind `#` tells one event about a payment from another.
        let event = String::from_utf8(raw_body.to_vec()).unwrap();
        let payment = event.split('#').next().unwrap().to_owned();
        let is_transfer = payment.starts_with("wdr_");
        let reference = is_transfer.then(|| payment.clone());
        let kind = match is_transfer {
            true => WebhookEventKind::TransferReversed,
            false => WebhookEventKind::PaymentPaid,
        };
        Ok(WebhookEvent {
            id: format!("evt_{event}"),
            kind,
            object_id: payment,
            reference,
            created_at: Timestamp::UNIX_EPOCH,
        })
    }
}
