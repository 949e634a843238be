//! Types and decisions: pure, no async, no I/O.
//!
//! | module | what it decides |
//! |---|---|
//! | [`amount`] | which amounts may be moved, and how a person types one |
//! | [`authorisation`] | the states of an authorisation, and how long it holds |
//! | [`books`] | the chart of accounts and the posting of each flow |
//! | [`card`] | the states of a card, its expiry, why it cannot be redeemed |
//! | [`code`] | card codes: 26 characters of randomness and one that checks them |
//! | [`escrow`] | the states of an escrow and what each command finds |
//! | [`ids`] | what everything is called |
//! | [`news`] | what merchants are told |
//! | [`note`] | why the operator did something |
//! | [`product`] | what may be sold as a prize |
//! | [`refusal`] | why something was not done |
//! | [`settlement`] | the states of a settlement and what an answer of the provider proves |
//! | [`state`] | how a state machine is written down once |

#[macro_use]
pub(crate) mod state;

pub(crate) mod amount;
pub(crate) mod authorisation;
pub(crate) mod books;
pub(crate) mod card;
pub(crate) mod code;
pub(crate) mod escrow;
pub(crate) mod ids;
pub(crate) mod news;
pub(crate) mod note;
pub(crate) mod product;
pub(crate) mod refusal;
pub(crate) mod settlement;
