//! Opens a checkout.

use serde::{Deserialize, Serialize};

use super::UnitOfWork;
use crate::domain::checkout::Checkout;
use crate::domain::new_id;
use crate::error::BankError;
use crate::store::checkouts::{self, NewCheckout};
use crate::store::effects::{self, NewEffect};

/// The checked body of the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckoutRequest {
    pub(crate) reference: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) description: Option<String>,
    pub(crate) return_url: Option<String>,
}

/// Opens a checkout with a page of its own.
pub(crate) fn open_checkout(
    unit: &UnitOfWork<'_>,
    request: CheckoutRequest,
) -> Result<Checkout, BankError> {
    let new = NewCheckout {
        id: new_id("cko"),
        reference: request.reference,
        amount_minor: request.amount_minor,
        currency: request.currency,
        description: request.description,
        return_url: request.return_url,
    };
    checkouts::insert(unit.tx, &new, unit.now)?;
    let effect = NewEffect {
        kind: "checkout.opened",
        object_id: &new.id,
        reference: &new.reference,
        amount_minor: new.amount_minor,
        cost_minor: 0,
        currency: &new.currency,
        destination: None,
    };
    effects::append(unit.tx, &effect, unit.now)?;
    checkouts::get(unit.tx, &new.id, &unit.config.public_url, unit.now)?
        .ok_or(BankError::NotFound { what: "checkout" })
}
