//! The gRPC services: translate, call an action, translate back.

use std::sync::Arc;

use contracts::processor::{
    GetCountsRequest, GetCountsResponse, RecordCountsRequest, RecordCountsResponse,
    SendMailsRequest, SendMailsResponse, analytics_service_server::AnalyticsService,
    mail_service_server::MailService,
};
use tonic::{Request, Response, Status, metadata::MetadataValue};

use crate::{
    actions::{
        get_counts::get_counts,
        record_counts::record_counts,
        send_mails::{Batch, send_mails},
    },
    app::State,
    domain::error::Error,
};

/// Both services over one state.
#[derive(Clone, Debug)]
pub(crate) struct Rpc(pub(crate) Arc<State>);

#[tonic::async_trait]
impl MailService for Rpc {
    async fn send_mails(
        &self,
        request: Request<SendMailsRequest>,
    ) -> Result<Response<SendMailsResponse>, Status> {
        let SendMailsRequest { owner, template, subjects } = request.into_inner();
        let done =
            send_mails(&self.0, Batch { owner, template, subjects }).await.map_err(status)?;
        Ok(Response::new(SendMailsResponse { sent: done.sent, skipped: done.skipped }))
    }
}

#[tonic::async_trait]
impl AnalyticsService for Rpc {
    async fn record_counts(
        &self,
        request: Request<RecordCountsRequest>,
    ) -> Result<Response<RecordCountsResponse>, Status> {
        let RecordCountsRequest { batch_id, counts } = request.into_inner();
        record_counts(&self.0, &batch_id, counts).await.map_err(status)?;
        Ok(Response::new(RecordCountsResponse {}))
    }

    async fn get_counts(
        &self,
        request: Request<GetCountsRequest>,
    ) -> Result<Response<GetCountsResponse>, Status> {
        let counts =
            get_counts(&self.0, &request.into_inner().giveaway_id).await.map_err(status)?;
        Ok(Response::new(GetCountsResponse { counts }))
    }
}

/// Only a refusal is an answer; everything else is retried by the durable call.
fn status(error: Error) -> Status {
    match error {
        Error::Refused(refusal) => refusal.into(),
        Error::Later(reason) => {
            tracing::warn!(reason, "mails put off");
            Status::unavailable(reason)
        }
        Error::Continue => {
            let mut status = Status::unavailable(Error::Continue.to_string());
            // Nothing is wrong, so there is nothing to wait for.
            status.metadata_mut().insert("grpc-retry-pushback-ms", MetadataValue::from_static("0"));
            status
        }
        Error::Database(error) => {
            tracing::error!(%error, "database failed");
            Status::internal("the database failed")
        }
    }
}
