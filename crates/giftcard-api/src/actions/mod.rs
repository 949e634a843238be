//! One file per use case: load, ask the domain, save in one transaction.

pub(crate) mod balance;
pub(crate) mod cancel_escrows;
pub(crate) mod close_product;
pub(crate) mod confirm_escrows;
pub(crate) mod create_product;
pub(crate) mod create_token;
pub(crate) mod expire_cards;
pub(crate) mod forget_keys;
pub(crate) mod issue_card;
pub(crate) mod mint_reveal;
pub(crate) mod observe_transfer;
pub(crate) mod once;
pub(crate) mod redeem;
pub(crate) mod register_merchant;
pub(crate) mod request_settlement;
pub(crate) mod reserve_escrows;
pub(crate) mod resolve_escrows;
pub(crate) mod return_escrow;
pub(crate) mod reveal;
pub(crate) mod reverse;
pub(crate) mod send_settlement;
pub(crate) mod settle_all;
pub(crate) mod sweep_transfers;
pub(crate) mod take_events;
pub(crate) mod take_over;
