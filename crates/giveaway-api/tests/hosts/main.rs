//! The pages of hosts, form by form, on every engine.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]
// The neighbours and the browser are those of other tests, which use more of them.
#![allow(dead_code, reason = "shared with other tests")]

#[path = "../money/bank.rs"]
mod bank;
#[path = "../accounts/browser.rs"]
mod browser;
mod drafts;
#[path = "../money/giftcard.rs"]
mod giftcard;
#[path = "../accounts/house.rs"]
mod house;
mod money;
mod publishing;
mod street;
