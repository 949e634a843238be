//! Stripe's JSON. Unknown fields are ignored; a missing or mistyped one makes the answer malformed,
//! hence unknown. Which fields there are is said by Stripe's "API Reference", the page of the same
//! name for each object here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::currency;
use crate::provider::{
    CheckoutState, Payment as PortPayment, PaymentStatus, ProviderAmount, Transfer as PortTransfer,
    TransferStatus,
};

/// The key in an object's metadata under which our reference is.
pub(super) const REFERENCE: &str = "reference";

#[derive(Deserialize)]
pub(super) struct ErrorAnswer {
    pub(super) error: ErrorBody,
}

/// The `code` is there only "for some errors that could be handled programmatically".
#[derive(Deserialize)]
pub(super) struct ErrorBody {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
}

/// One page of a list, newest first whatever the direction.
#[derive(Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    pub(super) has_more: bool,
}

/// A field that is an id, or the object where it was asked to be expanded.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Expandable<T> {
    Id(String),
    Object(Box<T>),
}

impl<T> Expandable<T> {
    fn object(&self) -> Option<&T> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

/// Anything of which only the id matters.
#[derive(Deserialize)]
pub(super) struct Identified {
    pub(super) id: String,
}

impl Expandable<Identified> {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Object(object) => &object.id,
        }
    }
}

/// Stripe writes currencies in small letters.
fn amount(minor: i64, currency: &str) -> ProviderAmount {
    ProviderAmount::new(minor, currency.to_ascii_uppercase())
}

#[derive(Deserialize)]
pub(super) struct CheckoutSession {
    pub(super) id: String,
    /// Null once the session is paid or expired.
    pub(super) url: Option<String>,
    pub(super) client_reference_id: Option<String>,
    amount_total: Option<i64>,
    currency: Option<String>,
    status: Option<String>,
    payment_intent: Option<Expandable<Identified>>,
}

impl CheckoutSession {
    /// Where it stands; none when that cannot be. A session in mode `payment` that is complete has
    /// its PaymentIntent; one that is open may have one already, of a try that did not succeed.
    pub(super) fn state(&self) -> Option<CheckoutState> {
        match (self.status.as_deref()?, &self.payment_intent) {
            ("open", _) => Some(CheckoutState::Open),
            ("expired", _) => Some(CheckoutState::Expired),
            ("complete", Some(intent)) => {
                Some(CheckoutState::Complete { payment_id: intent.id().to_owned() })
            }
            _ => None,
        }
    }

    pub(super) fn amount(&self) -> Option<ProviderAmount> {
        Some(amount(self.amount_total?, self.currency.as_deref()?))
    }
}

/// A PaymentIntent with `latest_charge.balance_transaction` expanded.
#[derive(Deserialize)]
pub(super) struct PaymentIntent {
    pub(super) id: String,
    status: String,
    amount: i64,
    amount_received: i64,
    currency: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    latest_charge: Option<Expandable<Charge>>,
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    created: Timestamp,
}

#[derive(Deserialize)]
struct Charge {
    amount_refunded: i64,
    disputed: bool,
    /// What the charge did to our balance, without refunds and disputes. Null while Stripe captures
    /// in the background (page "Asynchronous capture"); `charge.updated` tells when it is there.
    balance_transaction: Option<Expandable<BalanceTransaction>>,
}

#[derive(Deserialize)]
pub(super) struct BalanceTransaction {
    amount: i64,
    fee: i64,
    currency: String,
}

impl PaymentIntent {
    pub(super) fn is_disputed(&self) -> bool {
        self.charge().is_some_and(|charge| charge.disputed)
    }

    fn charge(&self) -> Option<&Charge> {
        self.latest_charge.as_ref().and_then(Expandable::object)
    }

    /// What the payment is to us, with the disputes of its charge.
    pub(super) fn payment(self, disputes: &[Dispute]) -> PortPayment {
        let Money { status, cost_minor, charged_back_minor } = self.money(disputes);
        let minor = match status {
            PaymentStatus::Paid | PaymentStatus::ChargedBack => self.amount_received,
            PaymentStatus::Pending | PaymentStatus::Failed => self.amount,
        };
        PortPayment {
            reference: self.metadata.get(REFERENCE).cloned().unwrap_or_default(),
            amount: amount(minor, &self.currency),
            cost_minor,
            refunded_minor: self.charge().map_or(0, |charge| charge.amount_refunded),
            charged_back_minor,
            status,
            created_at: self.created,
            id: self.id,
        }
    }

    fn money(&self, disputes: &[Dispute]) -> Money {
        let nothing = |status| Money { status, cost_minor: 0, charged_back_minor: 0 };
        match self.status.as_str() {
            "succeeded" => {}
            "canceled" => return nothing(PaymentStatus::Failed),
            // Also `requires_payment_method` after a declined card: another may be tried.
            _ => return nothing(PaymentStatus::Pending),
        }
        // Crediting before the cost is known would book a cost of nothing, for ever.
        let balance = self.charge().and_then(|charge| charge.balance_transaction.as_ref());
        let Some(balance) = balance.and_then(Expandable::object) else {
            return nothing(PaymentStatus::Pending);
        };
        let of_payment = |currency: &str| currency == self.currency;
        let is_ours = currency::is_supported(&self.currency)
            && of_payment(&balance.currency)
            && balance.amount == self.amount_received
            && disputes
                .iter()
                .flat_map(|dispute| &dispute.balance_transactions)
                .all(|moved| of_payment(&moved.currency));
        if !is_ours {
            // The port has one currency per payment, so what Stripe converted cannot be told in it.
            tracing::error!(
                payment = self.id,
                paid = self.currency,
                settled = balance.currency,
                "a payment is not credited: stripe settles it in another currency or unit"
            );
            return nothing(PaymentStatus::Pending);
        }
        // Money that was taken is negative there, and positive when a won dispute gives it back;
        // an inquiry moves nothing and has no entries.
        let charged_back_minor = disputes
            .iter()
            .flat_map(|dispute| &dispute.balance_transactions)
            .fold(0_i64, |sum, moved| sum.saturating_sub(moved.amount))
            .max(0);
        let status = match charged_back_minor {
            0 => PaymentStatus::Paid,
            _ => PaymentStatus::ChargedBack,
        };
        Money { status, cost_minor: balance.fee, charged_back_minor }
    }
}

struct Money {
    status: PaymentStatus,
    cost_minor: i64,
    charged_back_minor: i64,
}

#[derive(Deserialize)]
pub(super) struct Dispute {
    /// None, one or two: the withdrawal, and the reinstatement when it was won.
    balance_transactions: Vec<BalanceTransaction>,
}

#[derive(Deserialize)]
pub(super) struct Transfer {
    pub(super) id: String,
    amount: i64,
    amount_reversed: i64,
    /// Whether the whole amount came back.
    reversed: bool,
    currency: String,
    destination: Option<Expandable<Identified>>,
    transfer_group: Option<String>,
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    created: Timestamp,
}

impl From<Transfer> for PortTransfer {
    fn from(wire: Transfer) -> Self {
        if wire.amount_reversed != 0 && !wire.reversed {
            // To call this reversed would pay the merchant the whole amount again.
            tracing::error!(
                transfer = wire.id,
                reversed_minor = wire.amount_reversed,
                "a part of a transfer was reversed at stripe, which our books cannot show"
            );
        }
        Self {
            provider_ref: wire.transfer_group.unwrap_or_default(),
            amount: amount(wire.amount, &wire.currency),
            destination: wire.destination.map(|to| to.id().to_owned()).unwrap_or_default(),
            // A transfer is made at once or refused: Stripe's object has no other states.
            status: if wire.reversed { TransferStatus::Reversed } else { TransferStatus::Paid },
            failure_code: None,
            created_at: wire.created,
            id: wire.id,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) payment_intent: Option<Expandable<Identified>>,
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`.
    pub(super) status: Option<String>,
    pub(super) failure_reason: Option<String>,
    amount: i64,
    currency: String,
}

impl Refund {
    pub(super) fn amount(&self) -> ProviderAmount {
        amount(self.amount, &self.currency)
    }
}
