//! A merchant joins.

use platform::http::IdempotencyKey;
use uuid::Uuid;

use super::once::{Answer, Begun, Once};
use crate::{
    domain::{ids::MerchantId, product, refusal::Refusal},
    error::Result,
    service::Service,
    store::merchant::{self, Merchant},
    views::MerchantView,
};

/// Longest payout destination: an id in the provider's terms.
const MAX_DESTINATION_CHARS: usize = 200;

/// What an administrator knows of a merchant.
pub(crate) struct NewMerchant {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) payout_destination: String,
}

/// Registers a merchant, once per key.
///
/// # Errors
/// Refusals name the field.
pub(crate) async fn register_merchant(
    service: &Service,
    new: NewMerchant,
    key: &IdempotencyKey,
) -> Result<Answer> {
    let name = product::name("/name", &new.name)?;
    let email = address(&new.email)?;
    let payout_destination = destination("/payout_destination", &new.payout_destination)?;
    let once = match Once::begin(service, Uuid::nil(), "register_merchant", key).await? {
        Begun::Replay(answer) => return Ok(answer),
        Begun::Fresh(once) => once,
    };
    let merchant = Merchant {
        id: MerchantId::new(),
        name,
        email,
        payout_destination,
        blocked_at: None,
        created_at: once.now_ms(),
        closed_at: None,
    };
    merchant::insert(&once.tx, merchant.clone()).await?;
    once.finish(http::StatusCode::CREATED, Ok(MerchantView::new(merchant, None, Vec::new()))).await
}

/// An address to write to: we ask for no more than that a mail could be tried.
fn address(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let plausible = text.len() <= 254
        && text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') && !domain.contains('@')
        })
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if plausible {
        Ok(text.to_owned())
    } else {
        Err(Refusal::invalid("/email", "must be an email address"))
    }
}

/// Where a merchant may be paid, as far as we can tell; `pointer` names the field.
pub(super) fn destination(pointer: &'static str, text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty()
        || text.chars().count() > MAX_DESTINATION_CHARS
        || text.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(Refusal::invalid(
            pointer,
            format!("must have 1 to {MAX_DESTINATION_CHARS} characters without spaces"),
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_destinations_are_plausible() {
        assert_eq!(address(" ann@example.org ").unwrap(), "ann@example.org");
        for bad in ["", "ann", "@example.org", "ann@localhost", "a b@example.org", "a@b@c.d"] {
            assert!(address(bad).is_err(), "{bad}");
        }
        assert_eq!(destination("/d", "acct_1").unwrap(), "acct_1");
        for bad in ["", " ", "a b", &"x".repeat(201)] {
            assert!(destination("/d", bad).is_err(), "{bad:?}");
        }
    }
}
