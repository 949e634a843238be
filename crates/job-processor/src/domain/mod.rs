//! What becomes of a mail, and how counts add up: pure.

pub(crate) mod counts;
pub(crate) mod error;
pub(crate) mod mail;
