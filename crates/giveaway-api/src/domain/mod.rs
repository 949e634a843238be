//! Types and decisions: pure, nothing async, no I/O.

pub mod address;
pub mod eligibility;
pub mod entry;
pub mod giveaway;
pub mod import;
pub mod states;
pub mod window;
