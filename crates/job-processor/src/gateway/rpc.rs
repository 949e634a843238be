//! `RealtimeService`: a room has news. Whichever gateway executes the call tells all of them.

use std::sync::Arc;

use contracts::processor::{
    PublishRequest, PublishResponse, realtime_service_server::RealtimeService,
};
use prost::Message as _;
use tonic::{Request, Response, Status};

use super::{Hub, rooms::CHANNEL};

/// The service.
#[derive(Clone, Debug)]
pub(crate) struct Rpc(pub(crate) Arc<Hub>);

#[tonic::async_trait]
impl RealtimeService for Rpc {
    async fn publish(
        &self,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let news = request.into_inner().encode_to_vec();
        self.0.bus.send(CHANNEL, news.into()).await;
        Ok(Response::new(PublishResponse {}))
    }
}
