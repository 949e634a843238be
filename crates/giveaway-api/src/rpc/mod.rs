//! What we do for the other applications: translate, call an action, translate back.

mod accounts;
mod rooms;

use std::{str::FromStr, sync::Arc};

use contracts::{
    giveaway::{
        CreditVoidRequest, CreditVoidResponse, RenderMailsRequest, RenderMailsResponse,
        ResolveEscrowsRequest, ResolveEscrowsResponse,
        account_service_server::AccountServiceServer,
        giveaway_service_server::{GiveawayService, GiveawayServiceServer},
    },
    realtime::room_service_server::RoomServiceServer,
};
use ledger::Money;
use tonic::{Request, Response, Status, service::Routes};

use crate::{
    actions::{
        credit_void::credit_void, render_mails::render_mails, resolve_escrows::resolve_escrows,
    },
    error::Error,
    service::Service,
};

/// The gRPC services of this application, with health and reflection.
pub(crate) async fn routes(service: &Arc<Service>) -> anyhow::Result<Routes> {
    let giveaways = GiveawayServiceServer::new(Rpc(service.clone()));
    let (health, answers) = tonic_health::server::health_reporter();
    health.set_serving::<GiveawayServiceServer<Rpc>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(contracts::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    Ok(Routes::new(giveaways)
        .add_service(AccountServiceServer::new(Rpc(service.clone())))
        .add_service(RoomServiceServer::new(Rpc(service.clone())))
        .add_service(answers)
        .add_service(reflection))
}

struct Rpc(Arc<Service>);

#[tonic::async_trait]
impl GiveawayService for Rpc {
    async fn resolve_escrows(
        &self,
        request: Request<ResolveEscrowsRequest>,
    ) -> Result<Response<ResolveEscrowsResponse>, Status> {
        let decision = resolve_escrows(&self.0, &request.into_inner().saga_id).await?;
        Ok(Response::new(ResolveEscrowsResponse { decision: decision.into() }))
    }

    async fn credit_void(
        &self,
        request: Request<CreditVoidRequest>,
    ) -> Result<Response<CreditVoidResponse>, Status> {
        let CreditVoidRequest { void_id, escrow_id, amount } = request.into_inner();
        let void = id(&void_id, "/void_id")?;
        let escrow = id(&escrow_id, "/escrow_id")?;
        let amount = amount.ok_or_else(|| Error::field("/amount", "is missing"))?;
        let currency = amount.currency.parse().map_err(|error: ledger::UnknownCurrency| {
            Error::field("/amount/currency", error.to_string())
        })?;
        credit_void(&self.0, void, escrow, Money::new(amount.minor, currency)).await?;
        Ok(Response::new(CreditVoidResponse {}))
    }

    async fn render_mails(
        &self,
        request: Request<RenderMailsRequest>,
    ) -> Result<Response<RenderMailsResponse>, Status> {
        let RenderMailsRequest { template, subjects } = request.into_inner();
        let mails = render_mails(&self.0, &template, subjects).await?;
        Ok(Response::new(RenderMailsResponse { mails }))
    }
}

fn id<T: FromStr<Err = platform::id::BadId>>(
    text: &str,
    pointer: &'static str,
) -> Result<T, Error> {
    text.parse().map_err(|bad: platform::id::BadId| Error::field(pointer, bad.to_string()))
}
