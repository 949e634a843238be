//! The worker in a process of its own: takes calls from Redis and executes them at the callee. Any
//! number of them share the lane; what a killed one was executing, another takes over within 15 s.
//!
//! `cargo run -p durable-grpc --features redis --example redis_worker [redis://127.0.0.1:6379]`

use std::io::Write as _;

use durable_grpc::{Calls, RedisStore, Target, Worker};
use tonic::transport::Endpoint;

/// Where `redis_callee` listens.
const CALLEE: &str = "http://127.0.0.1:50051";
/// Where Redis usually is.
const REDIS: &str = "redis://127.0.0.1:6379";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| REDIS.to_owned());
    let calls = Calls::builder(RedisStore::connect(&url).await?).build()?;
    // Several endpoints are balanced; calls wait while none of them answers.
    let target = Target::remote([Endpoint::from_static(CALLEE)]);
    let worker = Worker::builder(&calls).lane("till", target).spawn();
    writeln!(std::io::stdout(), "executes the lane `till` until Ctrl-C")?;
    tokio::signal::ctrl_c().await?;
    // What runs is finished; what was claimed and not begun goes back to the lane at once.
    worker.shutdown().await;
    Ok(())
}
