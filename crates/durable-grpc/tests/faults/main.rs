//! Faults: real processes, a real store, a real network, and everything that can happen to them in
//! the middle of a load.
//!
//! A *story* starts a caller, a worker and a callee as processes of their own, hurts them at random
//! moments, lets them recover, and hands what each of them wrote down to [`check`], which knows
//! nothing of the library but its promises. `HANDSEL_SEED` repeats a run, `HANDSEL_FAULT_ROUNDS`
//! makes it longer, `HANDSEL_TEST_QUICK` lets it go without Redis. The checker is itself held to
//! account: its own tests show each violation, and [`known_bad`] breaks the library on purpose.

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(
    clippy::print_stdout,
    reason = "a failed run is repeated by the seed and the faults it printed"
)]

mod check;
mod eventually;
mod found;
mod history;
mod known_bad;
mod layer;
#[path = "../support/layer.rs"]
mod layered;
mod plan;
mod process;
mod proxy;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis")]
mod redis_server;
mod roles;
mod sqlite;
mod story;

/// Generated from `proto/shop.proto`.
#[expect(
    unreachable_pub,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
mod shop {
    include!("../../proto/shop.v1.rs");
}

/// The descriptors of `proto/shop.proto`.
const DESCRIPTORS: &[u8] = include_bytes!("../../proto/shop.bin");

/// The lane of every call here.
const LANE: &str = "till";

/// What the processes of a story run: this binary again, told by its environment who it is. Without
/// a role there is nothing to do.
#[test]
fn process() {
    if let Some(role) = process::role() {
        roles::play(role);
    }
}
