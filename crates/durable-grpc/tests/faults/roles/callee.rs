//! The callee: a tonic server that writes each effect to disk before it answers.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use durable_grpc::MAX_MESSAGE_BYTES;
use futures::stream::Empty;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, metadata::MetadataMap, service::Routes, transport::Server};

use crate::{
    history::{CALLEE, Executed, Journal, Label, digest, read},
    plan::{Asked, Manner},
    process,
    shop::{
        Order, Receipt,
        till_server::{Till, TillServer},
    },
    story::pass,
};

/// Clones are the same callee.
#[derive(Clone)]
pub(crate) struct Callee {
    journal: Arc<Journal>,
    book: Arc<Mutex<Book>>,
}

/// What the callee knows from its own disk.
#[derive(Default)]
struct Book {
    effects: u64,
    /// The effect of each order that must have only one. It is the journal's own line, so effect and
    /// record are one write: what a callee has that records the key in its own transaction.
    once: HashMap<Label, u64>,
}

/// Serves until the process is killed.
pub(crate) async fn serve(folder: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    process::announce(folder, listener.local_addr().unwrap());
    let incoming = TcpListenerStream::new(listener);
    let routes = Callee::open(folder).routes();
    Server::builder().add_routes(routes).serve_with_incoming(incoming).await.unwrap();
}

impl Callee {
    pub(crate) fn open(folder: &Path) -> Self {
        let path = folder.join(CALLEE);
        let past = read::<Executed>(&path);
        let once = past.iter().map(|entry| (entry.event.label, entry.event.effect)).collect();
        let book = Book { effects: past.len() as u64, once };
        Self { journal: Arc::new(Journal::append_to(&path)), book: Arc::new(Mutex::new(book)) }
    }

    pub(crate) fn routes(&self) -> Routes {
        Routes::new(TillServer::new(self.clone()))
    }

    async fn serve(
        &self,
        method: &str,
        request: Request<Order>,
    ) -> Result<Response<Receipt>, Status> {
        let (metadata, _, order) = request.into_parts();
        let asked: Asked = serde_json::from_slice(&order.note).unwrap();
        let label: Label = order.name.parse().unwrap();
        let attempt: u32 = text(&metadata, durable_grpc::ATTEMPT).parse().unwrap();
        let call = text(&metadata, durable_grpc::CALL_ID);
        // Holding the lock over the write is the point: effects are one after the other.
        let effect =
            tokio::task::block_in_place(|| self.effect(label, call, method, attempt, asked));
        match asked.manner {
            // The manner of this callee, not a wait for anything.
            Manner::Slow(ms) => pass(Duration::from_millis(ms)).await,
            Manner::Hang if attempt == 1 => std::future::pending().await,
            Manner::Flaky if attempt == 1 => return Err(Status::unavailable("try again")),
            _ => {}
        }
        answer(label, effect, asked.manner).map(Response::new)
    }

    fn effect(&self, label: Label, call: &str, method: &str, attempt: u32, asked: Asked) -> u64 {
        let mut book = self.book.lock().unwrap();
        if asked.once
            && let Some(effect) = book.once.get(&label)
        {
            return *effect;
        }
        book.effects += 1;
        let effect = book.effects;
        book.once.insert(label, effect);
        let call = call.to_owned();
        // An effect that is done once keeps its answer for the attempt that will ask for it.
        let asks_again = asked.manner == Manner::Flaky && attempt == 1 && !asked.once;
        let answer = (!asks_again).then(|| match answer(label, effect, asked.manner) {
            Ok(receipt) => digest_of(&receipt),
            Err(status) => digest_of_refusal(&status),
        });
        let method = method.to_owned();
        self.journal.add_synced(Executed { label, call, method, attempt, effect, answer });
        effect
    }
}

/// The answer that belongs to an effect. No other effect has the same.
fn answer(label: Label, effect: u64, manner: Manner) -> Result<Receipt, Status> {
    let text = format!("order {label}, effect {effect}");
    match manner {
        Manner::Refuse => Err(Status::failed_precondition(text)),
        Manner::TooLarge => Ok(Receipt { text, note: vec![7; MAX_MESSAGE_BYTES].into() }),
        _ => Ok(Receipt { text, ..Default::default() }),
    }
}

pub(crate) fn digest_of(receipt: &Receipt) -> String {
    digest(&receipt.encode_to_vec())
}

pub(crate) fn digest_of_refusal(status: &Status) -> String {
    digest(format!("{:?} {}", status.code(), status.message()).as_bytes())
}

fn text<'a>(metadata: &'a MetadataMap, name: &str) -> &'a str {
    metadata.get(name).unwrap().to_str().unwrap()
}

#[tonic::async_trait]
impl Till for Callee {
    async fn reserve(&self, request: Request<Order>) -> Result<Response<Receipt>, Status> {
        self.serve("reserve", request).await
    }

    async fn charge(&self, request: Request<Order>) -> Result<Response<Receipt>, Status> {
        self.serve("charge", request).await
    }

    type WatchStream = Empty<Result<Receipt, Status>>;

    async fn watch(&self, _: Request<Order>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(futures::stream::empty()))
    }
}
