//! Generated from `proto/shop.proto`: the proto of somebody who has never heard of durable calls.

#![expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    reason = "generated code"
)]

include!("../../proto/shop.v1.rs");
