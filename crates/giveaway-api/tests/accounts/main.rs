//! Accounts, page by page, on every engine.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod administrators;
mod browser;
mod forms;
mod house;
mod keys;
mod office;
mod others;
mod passwords;
mod registering;
mod sessions;
mod signing_in;
mod two_step;
