//! The bank over a real listener, from outside.
//!
//! | module | what it shows |
//! |---|---|
//! | `checkouts` | paying on the page and as a program, refunds, chargebacks, costs |
//! | `transfers` | idempotency, key lifetime, listing, look-up, balances |
//! | `faults` | each fault, what the client sees and what really happened |
//! | `webhooks` | signature, repetition, order, restart |
//! | `adapter` | the platform's provider adapter against this bank |
//! | `crash` | `kill -9` at random moments: nothing lost, nothing doubled |

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected ends there")]

mod adapter;
mod checkouts;
mod crash;
mod faults;
mod support;
mod transfers;
mod webhooks;
