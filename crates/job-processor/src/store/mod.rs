//! The only place with SQL.

pub(crate) mod counts;
pub(crate) mod mailbox;
pub(crate) mod mails;
