//! An owner of mails: renders whatever it is asked, as a real service would over the same contract.

use contracts::giveaway::{
    CreditVoidRequest, CreditVoidResponse, MailSubject, RenderMailsRequest, RenderMailsResponse,
    RenderedMail, ResolveEscrowsRequest, ResolveEscrowsResponse,
    giveaway_service_server::{GiveawayService, GiveawayServiceServer},
};
use contracts::processor::{
    SendMailsRequest, SendMailsResponse, mail_service_client::MailServiceClient,
};
use durable_grpc::Target;
use tonic::{Request, Response, Status, service::Routes};

use crate::Processor;

/// The subject that was erased: there is nobody to write to.
pub(crate) const GONE: &str = "gone";

struct Owner;

#[tonic::async_trait]
impl GiveawayService for Owner {
    async fn resolve_escrows(
        &self,
        _: Request<ResolveEscrowsRequest>,
    ) -> Result<Response<ResolveEscrowsResponse>, Status> {
        Err(Status::unimplemented("this owner has no escrows"))
    }

    async fn credit_void(
        &self,
        _: Request<CreditVoidRequest>,
    ) -> Result<Response<CreditVoidResponse>, Status> {
        Err(Status::unimplemented("this owner has no cards"))
    }

    async fn render_mails(
        &self,
        request: Request<RenderMailsRequest>,
    ) -> Result<Response<RenderMailsResponse>, Status> {
        let RenderMailsRequest { template, subjects } = request.into_inner();
        let mails = subjects
            .into_iter()
            .filter(|subject| subject.subject_id != GONE)
            .map(|subject| RenderedMail {
                to: format!("{}@Example.org", subject.subject_id),
                subject: format!("{template} for {}", subject.subject_id),
                text: format!("Open http://shop.example/c?t={}, please.", subject.subject_id),
                html: "<p>Open it</p><script>alert(1)</script>".into(),
                mail_id: subject.mail_id,
            })
            .collect();
        Ok(Response::new(RenderMailsResponse { mails }))
    }
}

impl Processor {
    /// Connects the owner named `giveaway`.
    pub(crate) fn with_owner(self) -> Self {
        let routes = Routes::new(GiveawayServiceServer::new(Owner));
        self.app.connect_owner("giveaway", Target::in_process(routes).channel());
        self
    }

    /// Asks for a `winner` mail to each person.
    pub(crate) async fn send(&self, people: &[&str]) -> Result<SendMailsResponse, Status> {
        let subjects = people
            .iter()
            .map(|person| MailSubject {
                mail_id: format!("winner:{person}"),
                subject_id: (*person).to_owned(),
            })
            .collect();
        let request =
            SendMailsRequest { owner: "giveaway".into(), template: "winner".into(), subjects };
        let mut client = MailServiceClient::new(self.target().channel());
        client.send_mails(request).await.map(Response::into_inner)
    }
}
