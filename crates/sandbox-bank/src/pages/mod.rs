//! The one page of the bank.

pub(crate) mod pay;
