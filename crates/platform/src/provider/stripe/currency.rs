//! Which amounts mean the same to Stripe and to us.
//!
//! The port speaks of minor units as ISO 4217 defines them, Stripe of "the smallest currency unit"
//! with exceptions (page "Supported currencies"). Where the two differ, a factor would have to be
//! applied to every amount of every object, and one place that forgets it moves a hundred times too
//! much. So those currencies are refused, and all others pass unchanged.

use super::SendFailure;
use crate::provider::ProviderAmount;

/// Currencies of ISO 4217 whose minor unit is not Stripe's unit:
/// - `ISK` has no minor unit any more, and Stripe still counts hundredths;
/// - `UGX` likewise, and Stripe's page lists it both without decimals and as a special case with two;
/// - `MGA` has a minor unit (a fifth, written as hundredths), and Stripe counts whole ariary;
/// - `IQD` and `LYD` have thousandths, and are not among Stripe's currencies with three decimals.
const OTHER_UNITS: [&str; 5] = ["IQD", "ISK", "LYD", "MGA", "UGX"];

/// Currencies with thousandths: Stripe takes amounts only whose last digit is zero.
const THREE_DECIMALS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

/// Whether an amount of Stripe's in this currency (in either case) is an amount of ours.
pub(super) fn is_supported(currency: &str) -> bool {
    !OTHER_UNITS.iter().any(|other| other.eq_ignore_ascii_case(currency))
}

/// Checks that Stripe would understand the amount as we mean it.
pub(super) fn check(amount: &ProviderAmount) -> Result<(), SendFailure> {
    let refused = |message: String| {
        // Said in Stripe's place, before anything is sent: it did not and will not happen.
        Err(SendFailure::Refused { code: "amount_not_supported".to_owned(), message })
    };
    let ProviderAmount { minor, currency } = amount;
    if !is_supported(currency) {
        return refused(format!("stripe counts {currency} in another unit than ISO 4217"));
    }
    let is_rounded = minor % 10 == 0;
    if THREE_DECIMALS.contains(&currency.as_str()) && !is_rounded {
        return refused(format!("stripe takes amounts in {currency} in steps of 10 minor units"));
    }
    Ok(())
}
