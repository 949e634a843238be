//! Everything in one process: a caller, a worker and a till over one SQLite file.
//!
//! `cargo run -p durable-grpc --example embedded`

use std::{io::Write as _, time::Duration};

use anyhow::Context as _;
use durable_grpc::{Calls, RequestExt as _, SqliteStore, Target, Worker, call_id, outcome};
use tonic::{Request, service::Routes};

mod shop;
mod till;

use shop::{Order, Receipt, till_client::TillClient, till_server::TillServer};
use till::Shop;

const DESCRIPTORS: &[u8] = include_bytes!("../proto/shop.bin");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path().join("calls.db"))?;
    let calls = Calls::builder(store).descriptors(DESCRIPTORS).build()?;
    let mut till = TillClient::new(calls.channel("till"));
    let mut out = std::io::stdout();
    let order = || {
        let mut request = Request::new(Order { name: "tea".to_owned(), ..Default::default() });
        request.durable().key("order:1").deadline(Duration::from_millis(200));
        request
    };

    // Nobody works yet, so the wait ends. The call is persisted and goes on.
    let status = till.reserve(order()).await.err().context("nobody can have answered")?;
    let id = call_id(&status).context("the call was persisted")?;
    writeln!(out, "call {id}: {:?}, outcome {:?}", status.code(), outcome(&status))?;

    // Now somebody does: here, in the same process.
    let routes = Routes::new(TillServer::new(Shop));
    let worker = Worker::builder(&calls).lane("till", Target::in_process(routes)).spawn();

    let receipt = calls.outcome::<Receipt>(id).await?;
    writeln!(out, "asked by its id:    {}", receipt.get_ref().text)?;
    let replayed = till.reserve(order()).await?;
    writeln!(out, "asked by its key:   {}", replayed.get_ref().text)?;
    let refused = till.charge(Order::default()).await.err().context("this shop refuses")?;
    writeln!(out, "refused by callee:  {}", refused.message())?;

    worker.shutdown().await;
    Ok(())
}
