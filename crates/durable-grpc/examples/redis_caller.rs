//! The caller in a process of its own: submits to Redis and waits for the answer.
//!
//! `cargo run -p durable-grpc --features redis --example redis_caller [key] [redis://127.0.0.1:6379]`
//!
//! Run it twice with one key: the second run is told what the first was. Run it without a callee, and
//! start that later: the call has waited.

use std::{io::Write as _, time::Duration};

use durable_grpc::{Calls, RedisStore, RequestExt as _, call_id, outcome};
use shop::{Order, till_client::TillClient};
use tonic::Request;

mod shop;

const DESCRIPTORS: &[u8] = include_bytes!("../proto/shop.bin");
/// Where Redis usually is.
const REDIS: &str = "redis://127.0.0.1:6379";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let key = arguments.next().unwrap_or_else(|| "order:1".to_owned());
    let url = arguments.next().unwrap_or_else(|| REDIS.to_owned());
    let store = RedisStore::connect(&url).await?;
    let calls = Calls::builder(store).descriptors(DESCRIPTORS).build()?;
    let mut till = TillClient::new(calls.channel("till"));

    let mut order = Request::new(Order { name: "tea".to_owned(), ..Default::default() });
    order.durable().key(&key).deadline(Duration::from_secs(10));
    let mut out = std::io::stdout();
    match till.reserve(order).await {
        Ok(receipt) => writeln!(out, "{key}: {}", receipt.get_ref().text)?,
        Err(status) => {
            let (id, outcome) = (call_id(&status), outcome(&status));
            writeln!(out, "{key}: {status}; call {id:?}, outcome {outcome:?}")?;
        }
    }
    Ok(())
}
