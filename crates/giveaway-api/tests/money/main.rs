//! Wallets, publish sagas and claims, on every engine, beside a giftcard-api and a bank that fail on
//! purpose.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod audits;
mod bank;
mod claim_pages;
mod claims;
mod drafts;
mod giftcard;
mod guards;
mod mails;
mod model;
mod operator;
mod outcomes;
mod processor;
mod sagas;
mod statements;
mod voids;
mod wallets;
mod withdrawals;
mod world;
