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

/// Asks the owner of a new account to prove the address. Subject: an account.
pub const VERIFY_ADDRESS: &str = "verify_address";
/// A link that sets a new password. Subject: an account.
pub const RESET_PASSWORD: &str = "reset_password";
/// Tells that somebody registered with an address that has an account. Subject: an account.
pub const ALREADY_REGISTERED: &str = "already_registered";
/// Tells that the password was changed. Subject: an account.
pub const PASSWORD_CHANGED: &str = "password_changed";
/// Invites somebody to take a role. Subject: an invitation.
pub const INVITATION: &str = "invitation";

/// Templates about accounts.
pub const OF_ACCOUNTS: [&str; 5] =
    [VERIFY_ADDRESS, RESET_PASSWORD, ALREADY_REGISTERED, PASSWORD_CHANGED, INVITATION];

/// All templates.
pub const ALL: [&str; 10] = [
    CONFIRM_ENTRY,
    RECEIPT,
    COMMITMENT,
    WINNER,
    CARD_LINK,
    VERIFY_ADDRESS,
    RESET_PASSWORD,
    ALREADY_REGISTERED,
    PASSWORD_CHANGED,
    INVITATION,
];
