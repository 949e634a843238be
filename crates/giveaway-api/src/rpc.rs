//! What we do for the other applications: translate, call an action, translate back.

use std::sync::Arc;

use contracts::giveaway::{
    RenderMailsRequest, RenderMailsResponse, ResolveEscrowsRequest, ResolveEscrowsResponse,
    giveaway_service_server::{GiveawayService, GiveawayServiceServer},
};
use tonic::{Request, Response, Status, service::Routes};

use crate::service::Service;

/// The gRPC services of this application.
pub(crate) fn routes(service: &Arc<Service>) -> Routes {
    Routes::new(GiveawayServiceServer::new(Rpc(service.clone())))
}

struct Rpc(Arc<Service>);

#[tonic::async_trait]
impl GiveawayService for Rpc {
    async fn resolve_escrows(
        &self,
        _request: Request<ResolveEscrowsRequest>,
    ) -> Result<Response<ResolveEscrowsResponse>, Status> {
        Err(Status::unimplemented(format!("{:?}", self.0)))
    }

    async fn render_mails(
        &self,
        _request: Request<RenderMailsRequest>,
    ) -> Result<Response<RenderMailsResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}
