//! What an account may be.

use super::states::states;

states! {
    /// Each role comes with the thing that it owns.
    Role {
        /// Runs giveaways: the owner is a host.
        Host = "host" => [],
        /// Sells and redeems gift cards: the owner is a merchant.
        Merchant = "merchant" => [],
        /// Looks after the installation.
        Admin = "admin" => [],
    }
}
