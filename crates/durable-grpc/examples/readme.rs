//! The example of the README, with a server for it to call. `tests/readme.rs` holds the two together.
//!
//! `cargo run -p durable-grpc --example readme`

use std::io::Write as _;

use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

mod shop;
mod till;

const DESCRIPTORS: &[u8] = include_bytes!("../proto/shop.bin");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = Endpoint::from_shared(format!("http://{}", listener.local_addr()?))?;
    let server = Server::builder().add_service(shop::till_server::TillServer::new(till::Shop));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let folder = tempfile::tempdir()?;
    let said = reserve_tea(endpoint, &folder.path().join("calls.db")).await?;
    writeln!(std::io::stdout(), "{said}")?;
    Ok(())
}

// README: from here …
use std::{path::Path, time::Duration};

use durable_grpc::{Calls, Outcome, RequestExt as _, SqliteStore, Target, Worker, outcome};
use shop::{Order, till_client::TillClient};
use tonic::{Request, transport::Endpoint};

async fn reserve_tea(till: Endpoint, file: &Path) -> anyhow::Result<String> {
    let calls = Calls::builder(SqliteStore::open(file)?).descriptors(DESCRIPTORS).build()?;
    let worker = Worker::builder(&calls).lane("till", Target::remote([till])).spawn();

    // Instead of `TillClient::new(till.connect().await?)`. Nothing else changes.
    let mut client = TillClient::new(calls.channel("till"));

    let mut order = Request::new(Order { name: "tea".into(), ..Default::default() });
    order.durable().key("order:1").deadline(Duration::from_secs(5));
    let said = match client.reserve(order).await {
        Ok(receipt) => receipt.into_inner().text,
        Err(status) => match outcome(&status) {
            None => format!("the till refused: {status}"),
            Some(Outcome::NotAccepted) => format!("it never happened: {status}"),
            Some(_) => format!("ask again under the same key: {status}"),
        },
    };
    worker.shutdown().await;
    Ok(said)
}
// … to here.
