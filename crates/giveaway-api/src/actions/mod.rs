//! One file per use case: load, decide, save in one transaction.

pub(crate) mod admit_entries;
pub mod confirm_entry;
pub mod enter;
pub mod entry_queue;
pub mod import_entries;
pub(crate) mod mails;
