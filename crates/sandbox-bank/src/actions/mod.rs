//! What happens at the bank. Each action runs inside one transaction that its caller commits, and
//! writes the effect, its entry in the log and its events together.

mod announce;
mod follow_plan;
mod move_payment;
mod move_transfer;
mod open_checkout;
mod pay_checkout;
mod refund_payment;
mod send_transfer;

use jiff::Timestamp;
use rusqlite::Connection;

pub(crate) use follow_plan::{follow_payment_plan, follow_transfer_plan};
pub(crate) use move_payment::charge_back_payment;
pub(crate) use move_transfer::order_transfer;
pub(crate) use open_checkout::{CheckoutRequest, open_checkout};
pub(crate) use pay_checkout::pay_checkout;
pub(crate) use refund_payment::{RefundRequest, refund_payment};
pub(crate) use send_transfer::{TransferRequest, send_transfer};

use crate::config::BankConfig;
use crate::domain::fault::{Class, Target};
use crate::store::faults::{self, Struck};

/// The transaction that an action works in, and what it needs to know.
pub(crate) struct UnitOfWork<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) now: Timestamp,
    pub(crate) config: &'a BankConfig,
    /// Until when what is made now can be neither looked up by reference nor announced.
    pub(crate) hidden_until: Option<Timestamp>,
}

impl UnitOfWork<'_> {
    /// The fault of this class that strikes here, used once.
    fn take_fault(&self, class: Class, target: Target) -> rusqlite::Result<Option<Struck>> {
        faults::take(self.tx, class, target)
    }
}
