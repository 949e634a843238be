//! Entities and queries: the only place with SQL. A function that decides nothing and starts no
//! transaction of its own takes whatever connection its caller has.

pub mod account;
pub mod account_role;
pub mod api_key;
pub(crate) mod audit;
pub mod audit_entry;
pub mod card_void;
pub mod charge_back;
pub mod counter_delta;
pub mod draw;
pub mod entry;
pub mod entry_count;
pub mod escrow_return;
pub mod event;
pub mod giveaway;
pub mod host;
pub mod inbox;
pub mod invitation;
pub mod operator_action;
pub mod outgoing;
pub mod payout;
pub mod prize;
pub mod recovery_code;
pub mod saga;
pub mod session;
pub mod standing;
pub mod statement;
pub mod succession;
pub mod suspense;
pub mod top_up;
pub mod unit;
pub mod winner;
pub mod withdrawal;
