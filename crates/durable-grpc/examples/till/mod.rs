//! The callee of the examples: an ordinary tonic server.

use tonic::{Request, Response, Status};

use crate::shop::{Order, Receipt, till_server::Till};

/// A shop that reserves what is ordered and gives it away.
pub(crate) struct Shop;

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
