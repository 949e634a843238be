//! Types and decisions: pure, nothing async, no I/O.

pub mod address;
pub mod books;
pub mod draft;
pub mod eligibility;
pub mod entry;
pub mod entry_code;
pub mod giveaway;
pub mod import;
pub mod news;
pub mod outcome;
pub mod publication;
pub mod referral;
pub mod saga;
pub mod statement;
pub mod states;
pub mod top_up;
pub mod window;
pub mod winner;
pub mod withdrawal;
