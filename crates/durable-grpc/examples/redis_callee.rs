//! The callee in a process of its own: an ordinary tonic server, which knows nothing of the queue.
//!
//! `cargo run -p durable-grpc --features redis --example redis_callee`, then `redis_worker` and
//! `redis_caller` in two further terminals. Stop and start any of the three as you like.

use std::{io::Write as _, net::SocketAddr};

use tonic::transport::Server;

mod shop;
mod till;

/// Where the worker looks for it.
const LISTEN: &str = "127.0.0.1:50051";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address: SocketAddr = LISTEN.parse()?;
    writeln!(std::io::stdout(), "the till listens at {address}")?;
    let till = shop::till_server::TillServer::new(till::Shop);
    Server::builder().add_service(till).serve(address).await?;
    Ok(())
}
