//! Authorisations: an amount of a card that is set aside for a till until it knows what it needs.

use jiff::{SignedDuration, Timestamp};

use super::refusal::Refusal;

/// How long an authorisation holds unless the till says otherwise: an order that is not shipped in
/// a week is asked for again.
const DEFAULT_HOURS: u32 = 7 * 24;

/// The longest: the value cannot be spent elsewhere meanwhile.
const MAX_HOURS: u32 = 30 * 24;

machine! {
    /// Where an authorisation stands.
    AuthorisationState {
        /// The amount is set aside.
        Authorised = "authorised",
        /// A part or all of it was redeemed, and the rest went back to the card.
        Captured = "captured",
        /// The till let it go.
        Released = "released",
        /// Its time was over, and it went back to the card.
        Expired = "expired",
    }
    begins { Authorised }
    goes {
        Authorised => Captured,
        Authorised => Released,
        Authorised => Expired,
    }
}

/// When an authorisation made now ends by itself.
///
/// # Errors
/// Refused when it is to hold for no time or too long.
pub(crate) fn expiry(now: Timestamp, hours: Option<u32>) -> Result<Timestamp, Refusal> {
    let hours = hours.unwrap_or(DEFAULT_HOURS);
    if !(1..=MAX_HOURS).contains(&hours) {
        return Err(Refusal::invalid("/hold_hours", format!("must be from 1 to {MAX_HOURS}")));
    }
    Ok(now.checked_add(SignedDuration::from_hours(hours.into())).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_for_a_week_or_as_long_as_asked() {
        let now = Timestamp::UNIX_EPOCH;
        let hours = |asked| expiry(now, asked).map(|at| at.duration_since(now).as_hours());
        assert_eq!(hours(None), Ok(168));
        assert_eq!(hours(Some(1)), Ok(1));
        assert_eq!(hours(Some(720)), Ok(720));
        assert!(hours(Some(0)).is_err() && hours(Some(721)).is_err());
    }
}
