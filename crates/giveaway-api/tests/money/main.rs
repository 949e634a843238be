//! Wallets, publish sagas and claims, on every engine, beside a giftcard-api and a bank that fail on
//! purpose.

mod bank;
mod claims;
mod drafts;
mod giftcard;
mod sagas;
mod wallets;
mod world;
