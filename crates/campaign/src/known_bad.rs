//! Which of the applications is wrong on purpose, and how. Without the feature `known-bad` none is.

/// A variant to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// giftcard-api is wrong.
    #[cfg(feature = "known-bad")]
    Giftcard(giftcard_api::KnownBad),
    /// giveaway-api is wrong.
    #[cfg(feature = "known-bad")]
    Giveaway(giveaway_api::KnownBad),
    /// Both are, in ways that only matter together.
    #[cfg(feature = "known-bad")]
    Both(giveaway_api::KnownBad, giftcard_api::KnownBad),
}

/// Makes a process wrong in the chosen way.
#[cfg_attr(not(feature = "known-bad"), expect(unused_variables, reason = "none is wrong"))]
pub(crate) fn apply(
    variant: Option<Variant>,
    giveaway: &giveaway_api::App,
    giftcard: &giftcard_api::App,
) {
    match variant {
        None => {}
        #[cfg(feature = "known-bad")]
        Some(Variant::Giftcard(bad)) => giftcard.misbehave(bad),
        #[cfg(feature = "known-bad")]
        Some(Variant::Giveaway(bad)) => giveaway.misbehave(bad),
        #[cfg(feature = "known-bad")]
        Some(Variant::Both(of_giveaway, of_giftcard)) => {
            giveaway.misbehave(of_giveaway);
            giftcard.misbehave(of_giftcard);
        }
    }
}
