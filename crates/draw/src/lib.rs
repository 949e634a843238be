//! A draw that anyone can recompute, and its verifier: pure, no I/O of its own.
//!
//! The life of a draw, and where each step lives:
//!
//! | step | module |
//! |---|---|
//! | the rules, locked before the giveaway opens | [`rules`], with the dates and rounds of [`schedule`] |
//! | a receipt for every entry | [`receipt`] |
//! | one leaf per person, frozen | [`leaf`] |
//! | the commitment: a signed manifest over a Merkle root | [`manifest`], [`merkle`], [`signing`] |
//! | public randomness that nobody could know before | [`beacon`] |
//! | seed, stream of numbers, weighted picks | [`seed`], [`stream`], [`select`], tied together in [`drawing`] |
//! | alternates take the place of winners who leave | [`succession`] |
//! | everything a stranger needs to check it | [`transcript`] |
//! | the check itself, step by step | [`verify`] |
//!
//! The small types they share are in [`fixed`] (byte strings written in hex), [`ids`], [`moment`]
//! (whole seconds), [`codes`] and [`canonical`] (RFC 8785). Every one of them has exactly one
//! written form and refuses all others, so that no byte of a published document can change
//! unnoticed.
//!
//! A service commits with [`manifest::commit`], draws with [`drawing::run`], replaces winners with
//! [`succession::Winners`], and publishes a [`transcript::Transcript`]. Time and keys come from the
//! caller; the same input always gives the same output.
//!
//! What the draw does not prove: that entries are real people, or that an entry without a receipt
//! was never left out. The verifier says so too.

pub mod beacon;
pub mod canonical;
pub mod codes;
pub mod drawing;
pub mod fixed;
pub mod ids;
pub mod leaf;
pub mod manifest;
pub mod merkle;
pub mod moment;
pub mod receipt;
pub mod rules;
pub mod schedule;
pub mod seed;
pub mod select;
pub mod signing;
pub mod stream;
pub mod succession;
pub mod transcript;
pub mod verify;
