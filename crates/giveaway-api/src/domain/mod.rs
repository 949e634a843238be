//! Types and decisions: pure, nothing async, no I/O.

pub mod address;
pub mod amount;
pub mod books;
pub mod draft;
pub mod eligibility;
pub mod entry;
pub mod entry_code;
pub mod giveaway;
pub mod import;
pub mod local_path;
pub mod news;
pub mod outcome;
pub mod password;
pub mod publication;
pub mod referral;
pub mod role;
pub mod saga;
pub mod scope;
pub mod session;
pub mod statement;
pub mod states;
pub mod top_up;
pub mod totp;
pub mod window;
pub mod winner;
pub mod withdrawal;
