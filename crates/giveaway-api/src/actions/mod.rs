//! One file per use case: load, decide, save in one transaction.

pub(crate) mod admit_entries;
pub mod commit_draw;
pub mod confirm_entry;
pub mod draw_documents;
pub mod draw_winners;
pub mod enter;
pub mod entry_queue;
pub mod import_entries;
pub mod list_entries;
pub(crate) mod mails;
pub mod public_giveaway;
pub mod report_counts;
