//! The mails that exist. A call names one; the owning service renders it when it is sent.

/// Asks an entrant to confirm the address, and tells that the entry counts once it is confirmed.
/// Subject: an entry.
pub const CONFIRM_ENTRY: &str = "confirm_entry";
/// Hands an entrant the signed receipt. Subject: an entry.
pub const RECEIPT: &str = "receipt";
/// Tells entrants the hash of the commitment before the randomness is public. Subject: an entry.
pub const COMMITMENT: &str = "commitment";
/// Tells a winner and links to the claim. Subject: a winner.
pub const WINNER: &str = "winner";
/// A fresh link to a card that was claimed. Subject: a winner.
pub const CARD_LINK: &str = "card_link";

/// All templates.
pub const ALL: [&str; 5] = [CONFIRM_ENTRY, RECEIPT, COMMITMENT, WINNER, CARD_LINK];
