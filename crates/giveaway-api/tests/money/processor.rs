//! A job processor that takes everything and does nothing.

use contracts::processor::{
    GetCountsRequest, GetCountsResponse, RecordCountsRequest, RecordCountsResponse,
    SendMailsRequest, SendMailsResponse, analytics_service_server::AnalyticsService,
    mail_service_server::MailService,
};
use tonic::{Request, Response, Status};

#[derive(Clone, Copy)]
pub(crate) struct Processor;

#[tonic::async_trait]
impl MailService for Processor {
    async fn send_mails(
        &self,
        _: Request<SendMailsRequest>,
    ) -> Result<Response<SendMailsResponse>, Status> {
        Ok(Response::new(SendMailsResponse::default()))
    }
}

#[tonic::async_trait]
impl AnalyticsService for Processor {
    async fn record_counts(
        &self,
        _: Request<RecordCountsRequest>,
    ) -> Result<Response<RecordCountsResponse>, Status> {
        Ok(Response::new(RecordCountsResponse::default()))
    }

    async fn get_counts(
        &self,
        _: Request<GetCountsRequest>,
    ) -> Result<Response<GetCountsResponse>, Status> {
        Ok(Response::new(GetCountsResponse::default()))
    }
}
