//! The bank's JSON. Unknown fields are ignored, so that a newer bank stays readable; a missing or
//! mistyped one makes the answer malformed, hence unknown.

use jiff::Timestamp;
use serde::Deserialize;

use crate::provider::{
    CheckoutState, Page as PortPage, Payment as PortPayment, PaymentStatus as PortPaymentStatus,
    ProviderAmount, Transfer as PortTransfer, TransferStatus as PortTransferStatus, WebhookEvent,
    WebhookEventKind,
};

#[derive(Deserialize)]
pub(super) struct ErrorAnswer {
    pub(super) error: ErrorBody,
}

#[derive(Deserialize)]
pub(super) struct ErrorBody {
    pub(super) code: String,
    pub(super) message: String,
}

#[derive(Deserialize)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) cursor: Option<String>,
    pub(super) has_more: bool,
}

impl<T> Page<T> {
    /// The port's page; an empty one keeps the cursor that was asked with.
    pub(super) fn map<U: From<T>>(self, asked: Option<&str>) -> PortPage<U> {
        PortPage {
            items: self.items.into_iter().map(U::from).collect(),
            cursor: self.cursor.or_else(|| asked.map(str::to_owned)),
            has_more: self.has_more,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Checkout {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) reference: String,
    amount_minor: i64,
    currency: String,
    status: CheckoutStatus,
    payment_id: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum CheckoutStatus {
    Open,
    Processing,
    Paid,
    Failed,
    Expired,
}

impl Checkout {
    /// Where it stands; none when that cannot be.
    pub(super) fn state(self) -> Option<CheckoutState> {
        match (self.status, self.payment_id) {
            (CheckoutStatus::Open, None) => Some(CheckoutState::Open),
            (CheckoutStatus::Expired, None) => Some(CheckoutState::Expired),
            (
                CheckoutStatus::Processing | CheckoutStatus::Paid | CheckoutStatus::Failed,
                Some(payment_id),
            ) => Some(CheckoutState::Complete { payment_id }),
            _ => None,
        }
    }

    pub(super) fn amount(&self) -> ProviderAmount {
        ProviderAmount::new(self.amount_minor, self.currency.as_str())
    }
}

#[derive(Deserialize)]
pub(super) struct Payment {
    id: String,
    reference: String,
    amount_minor: i64,
    currency: String,
    cost_minor: i64,
    refunded_minor: i64,
    charged_back_minor: i64,
    status: PaymentStatus,
    created_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum PaymentStatus {
    Pending,
    Paid,
    Failed,
    ChargedBack,
}

impl From<Payment> for PortPayment {
    fn from(wire: Payment) -> Self {
        Self {
            id: wire.id,
            reference: wire.reference,
            amount: ProviderAmount::new(wire.amount_minor, wire.currency),
            cost_minor: wire.cost_minor,
            refunded_minor: wire.refunded_minor,
            charged_back_minor: wire.charged_back_minor,
            status: match wire.status {
                PaymentStatus::Pending => PortPaymentStatus::Pending,
                PaymentStatus::Paid => PortPaymentStatus::Paid,
                PaymentStatus::Failed => PortPaymentStatus::Failed,
                PaymentStatus::ChargedBack => PortPaymentStatus::ChargedBack,
            },
            created_at: wire.created_at,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Transfer {
    id: String,
    pub(super) reference: String,
    amount_minor: i64,
    currency: String,
    destination: String,
    status: TransferStatus,
    failure_code: Option<String>,
    created_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum TransferStatus {
    Pending,
    Paid,
    Failed,
    Reversed,
}

impl From<Transfer> for PortTransfer {
    fn from(wire: Transfer) -> Self {
        Self {
            id: wire.id,
            provider_ref: wire.reference,
            amount: ProviderAmount::new(wire.amount_minor, wire.currency),
            destination: wire.destination,
            status: match wire.status {
                TransferStatus::Pending => PortTransferStatus::Pending,
                TransferStatus::Paid => PortTransferStatus::Paid,
                TransferStatus::Failed => PortTransferStatus::Failed,
                TransferStatus::Reversed => PortTransferStatus::Reversed,
            },
            failure_code: wire.failure_code,
            created_at: wire.created_at,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) payment_id: String,
    amount_minor: i64,
    currency: String,
}

impl Refund {
    pub(super) fn amount(&self) -> ProviderAmount {
        ProviderAmount::new(self.amount_minor, self.currency.as_str())
    }
}

#[derive(Deserialize)]
pub(super) struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created_at: Timestamp,
    data: EventData,
}

#[derive(Deserialize)]
struct EventData {
    id: String,
    reference: Option<String>,
}

impl From<Event> for WebhookEvent {
    fn from(wire: Event) -> Self {
        Self {
            id: wire.id,
            kind: match wire.kind.as_str() {
                "payment.paid" => WebhookEventKind::PaymentPaid,
                "payment.charged_back" => WebhookEventKind::PaymentChargedBack,
                "transfer.paid" => WebhookEventKind::TransferPaid,
                "transfer.failed" => WebhookEventKind::TransferFailed,
                "transfer.reversed" => WebhookEventKind::TransferReversed,
                _ => WebhookEventKind::Other(wire.kind),
            },
            object_id: wire.data.id,
            reference: wire.data.reference,
            created_at: wire.created_at,
        }
    }
}
