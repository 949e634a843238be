//! Everything in one process: a caller, a worker and a till over one SQLite file.
//!
//! `cargo run -p durable-grpc --example embedded`

use std::{io::Write as _, time::Duration};

use anyhow::Context as _;
use durable_grpc::{Calls, RequestExt as _, SqliteStore, Target, Worker, call_id, outcome};
use tonic::{Request, Response, Status, service::Routes};

/// Generated from `proto/shop.proto`.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    reason = "generated code"
)]
mod shop {
    include!("../proto/shop.v1.rs");
}

use shop::{
    Order, Receipt,
    till_client::TillClient,
    till_server::{Till, TillServer},
};

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

struct Shop;

#[tonic::async_trait]
impl Till for Shop {
    async fn reserve(&self, request: Request<Order>) -> Result<Response<Receipt>, Status> {
        let text = format!("{} is reserved", request.get_ref().name);
        Ok(Response::new(Receipt { text, ..Default::default() }))
    }

    async fn charge(&self, _: Request<Order>) -> Result<Response<Receipt>, Status> {
        Err(Status::failed_precondition("this shop gives everything away"))
    }

    type WatchStream = futures::stream::Empty<Result<Receipt, Status>>;

    async fn watch(&self, _: Request<Order>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(futures::stream::empty()))
    }
}
