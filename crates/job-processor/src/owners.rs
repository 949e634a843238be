//! Who renders the mails: asked directly, at the moment of sending.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use contracts::giveaway::{
    MailSubject, RenderMailsRequest, RenderedMail, giveaway_service_client::GiveawayServiceClient,
};
use durable_grpc::DirectChannel;

use crate::domain::error::Error;

/// Rendering a batch takes milliseconds; a call has ten seconds for rendering and sending.
const RENDER_DEADLINE: Duration = Duration::from_secs(3);

/// The owners of mails, by the name that calls use.
#[derive(Debug, Default)]
pub(crate) struct Owners(RwLock<BTreeMap<String, DirectChannel>>);

impl Owners {
    /// Sets or replaces the channel to an owner.
    pub(crate) fn connect(&self, owner: &str, channel: DirectChannel) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(owner.to_owned(), channel);
    }

    /// Asks the owner for the mails. Those whose subject is gone are missing in the answer.
    pub(crate) async fn render(
        &self,
        owner: &str,
        template: &str,
        subjects: Vec<MailSubject>,
    ) -> Result<Vec<RenderedMail>, Error> {
        let channel = self.0.read().unwrap_or_else(PoisonError::into_inner).get(owner).cloned();
        let Some(channel) = channel else {
            return Err(Error::Later(format!("the owner `{owner}` is not connected")));
        };
        let mut request =
            tonic::Request::new(RenderMailsRequest { template: template.to_owned(), subjects });
        request.set_timeout(RENDER_DEADLINE);
        match GiveawayServiceClient::new(channel).render_mails(request).await {
            Ok(response) => Ok(response.into_inner().mails),
            Err(status) => Err(match contracts::refusal::Refusal::of(&status) {
                Some(refusal) => Error::Refused(refusal),
                None => Error::Later(format!("the owner `{owner}` answered {:?}", status.code())),
            }),
        }
    }
}
