//! A till that does as it is told.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::stream::Empty;
use tokio::sync::Notify;
use tonic::{
    Request, Response, Status, codec::CompressionEncoding, metadata::MetadataMap, service::Routes,
};

use crate::shop::{
    Order, Receipt,
    till_server::{Till, TillServer},
};

/// What the till does when an order comes in.
#[derive(Clone)]
pub(crate) enum Step {
    /// Answer OK. Every execution answers with another text, so that a replay can be told apart.
    Reply,
    /// Answer OK with this much of a note.
    Large(usize),
    /// Answer OK with these metadata.
    Metadata(MetadataMap),
    /// Refuse.
    Refuse(Status),
    /// Answer only after the release.
    Hold(Arc<Notify>),
    /// Never answer.
    Hang,
    /// Panic.
    Panic,
}

/// An order that reached the till.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: &'static str,
    pub(crate) name: String,
    pub(crate) metadata: MetadataMap,
}

/// Clones are the same till.
#[derive(Clone, Default)]
pub(crate) struct Callee {
    seen: Arc<Mutex<Vec<Seen>>>,
    steps: Arc<Mutex<HashMap<String, VecDeque<Step>>>>,
}

impl Callee {
    /// What to do with the orders of this name, one after the other; then it is `Reply`.
    pub(crate) fn plan(&self, name: &str, steps: impl IntoIterator<Item = Step>) {
        self.steps.lock().unwrap().entry(name.to_owned()).or_default().extend(steps);
    }

    /// Answers orders of this name only after the release.
    pub(crate) fn hold(&self, name: &str) -> Arc<Notify> {
        let release = Arc::new(Notify::new());
        self.plan(name, [Step::Hold(release.clone())]);
        release
    }

    pub(crate) fn seen(&self, name: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.name == name).cloned().collect()
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.seen(name).len()
    }

    pub(crate) fn routes(&self) -> Routes {
        let till = TillServer::new(self.clone());
        Routes::new(till.accept_compressed(CompressionEncoding::Gzip))
    }

    async fn serve(
        &self,
        method: &'static str,
        request: Request<Order>,
    ) -> Result<Response<Receipt>, Status> {
        let (metadata, _, order) = request.into_parts();
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(Seen { method, name: order.name.clone(), metadata });
            seen.iter().filter(|seen| seen.name == order.name).count()
        };
        let step = self.steps.lock().unwrap().get_mut(&order.name).and_then(VecDeque::pop_front);
        let mut response =
            Response::new(Receipt { text: format!("{} {number}", order.name), note: order.note });
        match step.unwrap_or(Step::Reply) {
            Step::Reply => {}
            Step::Large(bytes) => response.get_mut().note = Bytes::from(vec![7; bytes]),
            Step::Metadata(metadata) => *response.metadata_mut() = metadata,
            Step::Refuse(status) => return Err(status),
            Step::Hold(release) => release.notified().await,
            Step::Hang => std::future::pending().await,
            Step::Panic => panic!("the till was told to panic"),
        }
        Ok(response)
    }
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
