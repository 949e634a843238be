//! The callee's side: tower layers for any tonic server or `Routes`, in process and behind a port.
//!
//! | item | what it does |
//! |---|---|
//! | [`VerifyLayer`] | refuses whatever does not come from a caller or a worker that the callee trusts |
//! | [`TraceLayer`] | continues the caller's trace, also into the calls that the handler makes |
//! | [`DedupLayer`] | makes repeats of a call wait for its first execution, and gives them its answer |
//! | [`DurableCall`] | what a handler learns of its call: the key above all |
//! | [`joining`] | how a callee makes *at least once* into *once* |
//!
//! The order matters: verification is outermost, because the others believe what metadata say.
//!
//! ```
//! # use durable_grpc::{MacKey, server::{DedupLayer, TraceLayer, VerifyLayer}};
//! # fn server(key: MacKey, credential: http::HeaderValue) {
//! tonic::transport::Server::builder()
//!     .layer(VerifyLayer::new([key]).credential(credential))
//!     .layer(TraceLayer)
//!     .layer(DedupLayer::default())
//! # ;
//! # }
//! ```

mod call;
mod dedup;
mod trace;
mod verify;

pub use self::{
    call::{CalledExt, DurableCall},
    dedup::{Dedup, DedupLayer},
    trace::{Trace, TraceLayer},
    verify::{Verify, VerifyLayer},
};

#[doc = include_str!("../../docs/joining-the-callees-transaction.md")]
pub mod joining {}
