//! A payment provider that lives in the test: its payments are what the test says they are.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::HeaderMap;
use jiff::Timestamp;
use platform::provider::{
    Checkout, NewCheckout, NewRefund, NewTransfer, Page, Payment, PaymentStatus, Provider,
    ProviderAmount, ProviderError, Refund, Transfer, TransferOutcome, WebhookError, WebhookEvent,
    WebhookEventKind,
};

/// The provider; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bank(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    payments: Vec<Payment>,
    checkouts: Vec<NewCheckout>,
    lost_answers: u32,
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

    /// The ids of all payments.
    pub(crate) fn payment_ids(&self) -> Vec<String> {
        self.0.lock().unwrap().payments.iter().map(|payment| payment.id.clone()).collect()
    }

    /// So much of a payment was taken back, all in all.
    pub(crate) fn charge_back(&self, id: &str, minor: i64) {
        let payments = &mut self.0.lock().unwrap().payments;
        let place = payments.iter().position(|payment| payment.id == id).unwrap();
        let payment = payments.remove(place);
        let status = PaymentStatus::ChargedBack;
        payments.push(Payment { charged_back_minor: minor, status, ..payment });
    }

    /// A payment in the list, of this status.
    pub(crate) fn pay(&self, id: &str, reference: &str, minor: i64, status: PaymentStatus) {
        let payment = Payment {
            id: id.to_owned(),
            reference: reference.to_owned(),
            amount: ProviderAmount::new(minor, "EUR"),
            cost_minor: 10,
            refunded_minor: 0,
            charged_back_minor: 0,
            status,
            created_at: Timestamp::UNIX_EPOCH,
        };
        let payments = &mut self.0.lock().unwrap().payments;
        payments.retain(|payment| payment.id != id);
        payments.push(payment);
    }
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

    async fn payment(&self, payment_id: &str) -> Result<Option<Payment>, ProviderError> {
        Ok(self.0.lock().unwrap().payments.iter().find(|payment| payment.id == payment_id).cloned())
    }

    /// Two to a page, so that sweeps have to turn it.
    async fn payments(&self, after: Option<&str>) -> Result<Page<Payment>, ProviderError> {
        let payments = &self.0.lock().unwrap().payments;
        let start: usize = after.map_or(0, |after| after.parse().unwrap());
        let items: Vec<Payment> = payments.iter().skip(start).take(2).cloned().collect();
        let end = start + items.len();
        Ok(Page { items, cursor: Some(end.to_string()), has_more: end < payments.len() })
    }

    async fn transfer(&self, _: NewTransfer) -> TransferOutcome {
        unreachable!("giveaway-api transfers nothing")
    }

    async fn transfer_by_reference(&self, _: &str) -> Result<Option<Transfer>, ProviderError> {
        unreachable!("giveaway-api transfers nothing")
    }

    async fn transfers(&self, _: Option<&str>) -> Result<Page<Transfer>, ProviderError> {
        unreachable!("giveaway-api transfers nothing")
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
        Ok(WebhookEvent {
            id: format!("evt_{event}"),
            kind: WebhookEventKind::PaymentPaid,
            object_id: payment,
            reference: None,
            created_at: Timestamp::UNIX_EPOCH,
        })
    }
}
