//! Faults on demand: what they do, where they strike, and when they are used up.

use serde::{Deserialize, Serialize};

/// Something that goes wrong on demand.
///
/// Faults of different [classes](Fault) combine: one request may be answered late, have its
/// transfer stay pending, and its webhook doubled. Within a class the oldest order strikes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The request is worked on only after `delay_ms`, even when the client hangs up before: an
    /// effect that comes late.
    Slow,
    /// The effect happens; the answer does not come for `delay_ms`, then the connection is closed.
    TimeoutAfterSuccess,
    /// The connection is closed without an effect and without an answer.
    CloseBeforeEffect,
    /// The effect happens, then the connection is closed without an answer.
    CloseAfterSuccess,
    /// A 500 without an effect. The key stays free: a resend is worked on.
    ErrorBeforeEffect,
    /// The effect happens, then a 500. A resend gets the true answer.
    ErrorAfterEffect,
    /// A 402 `insufficient_funds` without an effect. On a resend it says nothing of the first send.
    Refuse,
    /// A 429 `rate_limited` without an effect.
    RateLimit,
    /// A 500 without an effect that is stored: each resend gets it again.
    StoredErrorBeforeEffect,
    /// The effect happens, and a 500 is stored as its answer: each resend gets it again.
    StoredErrorAfterEffect,
    /// The transfer happens and the connection is closed. It cannot be looked up by its reference
    /// until a resend was refused with 402, or `delay_ms` (ten minutes) passed.
    RefuseResend,
    /// Pending first, paid after `delay_ms`.
    PendingThenPaid,
    /// Pending first, failed after `delay_ms`.
    PendingThenFailed,
    /// Pending first, paid after `delay_ms`, reversed after `delay_ms` more.
    PendingThenReversed,
    /// Paid at once, reversed after `delay_ms`.
    PaidThenReversed,
    /// The payment is charged back `delay_ms` after it was paid.
    Chargeback,
    /// The webhook is delivered twice, as the same event.
    DuplicateWebhook,
    /// The webhook is delivered only after a later one to the same endpoint, or after `delay_ms`.
    ReorderWebhook,
}

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Opening a checkout.
    Checkouts,
    /// A customer paying, on the page or as a program; and the webhook of it.
    Payments,
    /// The webhook of a chargeback.
    Chargebacks,
    /// Refunding.
    Refunds,
    /// Sending a transfer; and the webhooks of transfers.
    Transfers,
    /// Looking up and listing payments and transfers. Struck only when named.
    Reads,
}

/// An order: the next `count` occasions meet this fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultOrder {
    /// What goes wrong.
    pub fault: Fault,
    /// How often, at least once.
    #[serde(default = "once")]
    pub count: u32,
    /// Where. Without it: at every kind of write that the fault can strike.
    #[serde(default)]
    pub on: Option<Target>,
    /// How late, where the fault is about time; each has a sensible default.
    #[serde(default)]
    pub delay_ms: Option<u32>,
}

/// At which moment of a request a fault is looked for. Faults of one class exclude each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// What happens to a request on its way. Strikes every send, also one that would be replayed.
    Transport,
    /// What is stored under a key. Strikes the first execution only.
    Record,
    /// What becomes of a payment or transfer. Strikes the first execution only.
    Outcome,
    /// How an event is delivered. Strikes when the event comes into being.
    Delivery,
}

impl Fault {
    /// At which moment it is looked for.
    pub(crate) fn class(self) -> Class {
        match self {
            Self::Slow
            | Self::TimeoutAfterSuccess
            | Self::CloseBeforeEffect
            | Self::CloseAfterSuccess
            | Self::ErrorBeforeEffect
            | Self::ErrorAfterEffect
            | Self::Refuse
            | Self::RateLimit => Class::Transport,
            Self::StoredErrorBeforeEffect | Self::StoredErrorAfterEffect | Self::RefuseResend => {
                Class::Record
            }
            Self::PendingThenPaid
            | Self::PendingThenFailed
            | Self::PendingThenReversed
            | Self::PaidThenReversed
            | Self::Chargeback => Class::Outcome,
            Self::DuplicateWebhook | Self::ReorderWebhook => Class::Delivery,
        }
    }

    /// Whether it means anything there.
    pub(crate) fn can_strike(self, target: Target) -> bool {
        use Target::{Chargebacks, Checkouts, Payments, Refunds, Transfers};
        match self {
            Self::Slow
            | Self::TimeoutAfterSuccess
            | Self::CloseBeforeEffect
            | Self::CloseAfterSuccess
            | Self::ErrorBeforeEffect
            | Self::ErrorAfterEffect
            | Self::RateLimit => target != Chargebacks,
            Self::Refuse | Self::StoredErrorBeforeEffect | Self::StoredErrorAfterEffect => {
                matches!(target, Checkouts | Refunds | Transfers)
            }
            Self::RefuseResend | Self::PendingThenReversed | Self::PaidThenReversed => {
                target == Transfers
            }
            Self::PendingThenPaid | Self::PendingThenFailed => {
                matches!(target, Payments | Transfers)
            }
            Self::Chargeback => target == Payments,
            Self::DuplicateWebhook | Self::ReorderWebhook => {
                matches!(target, Payments | Chargebacks | Transfers)
            }
        }
    }
}

impl FaultOrder {
    /// One `fault`, wherever it can strike.
    pub fn once(fault: Fault) -> Self {
        Self { fault, count: 1, on: None, delay_ms: None }
    }

    /// The same order, only there.
    #[must_use]
    pub fn on(self, target: Target) -> Self {
        Self { on: Some(target), ..self }
    }

    /// The same order, that often.
    #[must_use]
    pub fn times(self, count: u32) -> Self {
        Self { count, ..self }
    }

    /// The same order, that late.
    #[must_use]
    pub fn delayed_by_ms(self, delay_ms: u32) -> Self {
        Self { delay_ms: Some(delay_ms), ..self }
    }

    /// Whether the order strikes an occasion of `class` at `target`.
    pub(crate) fn strikes(&self, class: Class, target: Target) -> bool {
        self.fault.class() == class
            && self.fault.can_strike(target)
            && match self.on {
                Some(on) => on == target,
                None => target != Target::Reads,
            }
    }
}

fn once() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_strikes_its_class_at_its_target() {
        use Class::{Delivery, Outcome, Transport};
        use Target::{Checkouts, Payments, Reads, Transfers};
        let slow = FaultOrder::once(Fault::Slow);
        let duplicate = FaultOrder::once(Fault::DuplicateWebhook);
        let chargeback = FaultOrder::once(Fault::Chargeback);
        for (order, class, target, expected) in [
            (slow.clone(), Transport, Transfers, true),
            (slow.clone(), Outcome, Transfers, false),
            (slow.clone(), Transport, Reads, false),
            (slow.clone().on(Reads), Transport, Reads, true),
            (slow.clone().on(Reads), Transport, Transfers, false),
            (slow.on(Checkouts), Transport, Transfers, false),
            (duplicate.clone(), Delivery, Payments, true),
            (duplicate, Delivery, Checkouts, false),
            (chargeback.clone(), Outcome, Payments, true),
            (chargeback, Outcome, Transfers, false),
        ] {
            assert_eq!(order.strikes(class, target), expected, "{order:?} {class:?} {target:?}");
        }
    }
}
