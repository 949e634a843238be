//! Stripe's events: which there are for us, and which object of ours each is about.
//!
//! An event's object is written in the version of the API that the account had when it happened,
//! not in the one that we ask for. Only ids and our references are read from it, which no version
//! has changed; everything else is fetched anew.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::wire::REFERENCE;
use crate::provider::{WebhookEvent, WebhookEventKind};

/// What can change a payment as the port shows it. Stripe takes at most twenty in one listing.
pub(super) const OF_PAYMENTS: [&str; 11] = [
    "payment_intent.succeeded",
    "payment_intent.canceled",
    // The cost became known.
    "charge.updated",
    "charge.refunded",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
];

/// What can change a transfer. `transfer.reversed` comes for a part, too.
pub(super) const OF_TRANSFERS: [&str; 3] =
    ["transfer.created", "transfer.reversed", "transfer.updated"];

#[derive(Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    created: Timestamp,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

impl Event {
    /// The id of the payment or transfer that changed; none when it belongs to neither.
    pub(super) fn subject(&self) -> Option<&str> {
        let field = match self.kind.as_str() {
            kind if kind.starts_with("payment_intent.") || kind.starts_with("transfer.") => "id",
            // Charges, refunds and disputes point to the payment.
            _ => "payment_intent",
        };
        let subject = &self.data.object[field];
        // Expanded in versions of the API that an account may have been left at.
        subject.as_str().or_else(|| subject["id"].as_str())
    }

    fn reference(&self) -> Option<String> {
        let object = &self.data.object;
        let reference = match self.kind.starts_with("transfer.") {
            true => &object["transfer_group"],
            false => &object["metadata"][REFERENCE],
        };
        reference.as_str().map(str::to_owned)
    }
}

impl From<Event> for WebhookEvent {
    fn from(event: Event) -> Self {
        use WebhookEventKind as Kind;
        let kind = match event.kind.as_str() {
            // The second comes when the cost of a payment is known, which it may not be at first.
            "payment_intent.succeeded" | "charge.updated" => Some(Kind::PaymentPaid),
            kind if kind.starts_with("charge.dispute.") => Some(Kind::PaymentChargedBack),
            "transfer.created" => Some(Kind::TransferPaid),
            "transfer.reversed" => Some(Kind::TransferReversed),
            _ => None,
        };
        let subject = event.subject().map(str::to_owned);
        let (kind, object_id) = match (kind, subject) {
            (Some(kind), Some(subject)) => (kind, subject),
            // Not ours to act on. Some objects, such as the balance, have no id at all.
            _ => {
                let id = event.data.object["id"].as_str().unwrap_or_default().to_owned();
                (Kind::Other(event.kind.clone()), id)
            }
        };
        Self {
            kind,
            object_id,
            reference: event.reference(),
            id: event.id,
            created_at: event.created,
        }
    }
}
