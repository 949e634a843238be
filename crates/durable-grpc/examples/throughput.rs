//! How many durable calls per second one process makes, with the callee in the same process and
//! retention on.
//!
//! `cargo run --release -p durable-grpc --example throughput [seconds] [in-flight …]`

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use durable_grpc::{Calls, SqliteStore, Target, Worker};
use futures::future::try_join_all;
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
/// The payload of the figures that this is compared with.
const PAYLOAD_BYTES: usize = 200;
/// Time to fill caches before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let mut levels: Vec<usize> = arguments.map(|text| text.parse()).collect::<Result<_, _>>()?;
    if levels.is_empty() {
        levels = vec![1, 16, 128];
    }
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path().join("calls.db"))?;
    let calls = Calls::builder(store).descriptors(DESCRIPTORS).build()?;
    let target = Target::in_process(Routes::new(TillServer::new(Shop)).prepare());
    let worker = Worker::builder(&calls).lane("till", target).spawn();
    for in_flight in levels {
        measure(&calls, in_flight, WARM_UP).await?;
        let started = Instant::now();
        let mut latencies = measure(&calls, in_flight, Duration::from_secs(seconds)).await?;
        let per_s = latencies.len() as f64 / started.elapsed().as_secs_f64();
        latencies.sort_unstable();
        let percentile = |part: usize| latencies[(latencies.len() - 1) * part / 100].as_micros();
        writeln!(
            std::io::stdout(),
            "in_flight={in_flight} per_s={per_s:.0} p50_us={} p99_us={}",
            percentile(50),
            percentile(99),
        )?;
    }
    worker.shutdown().await;
    Ok(())
}

/// Keeps so many calls in flight for a while, and gives the time that each took.
async fn measure(calls: &Calls, in_flight: usize, time: Duration) -> anyhow::Result<Vec<Duration>> {
    let until = Instant::now() + time;
    let callers = (0..in_flight).map(|_| {
        let mut till = TillClient::new(calls.channel("till"));
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            while Instant::now() < until {
                let order = Order { name: "tea".to_owned(), note: vec![7; PAYLOAD_BYTES].into() };
                let started = Instant::now();
                till.reserve(order).await?;
                latencies.push(started.elapsed());
            }
            Ok::<_, Status>(latencies)
        })
    });
    let mut all = Vec::new();
    for latencies in try_join_all(callers).await? {
        all.extend(latencies?);
    }
    Ok(all)
}

struct Shop;

#[tonic::async_trait]
impl Till for Shop {
    async fn reserve(&self, request: Request<Order>) -> Result<Response<Receipt>, Status> {
        let Order { name: text, note } = request.into_inner();
        Ok(Response::new(Receipt { text, note }))
    }

    async fn charge(&self, request: Request<Order>) -> Result<Response<Receipt>, Status> {
        self.reserve(request).await
    }

    type WatchStream = futures::stream::Empty<Result<Receipt, Status>>;

    async fn watch(&self, _: Request<Order>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(futures::stream::empty()))
    }
}
