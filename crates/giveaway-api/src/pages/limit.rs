//! How often one network may use the forms and the mailed links.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use axum::{extract::FromRequestParts, http::request::Parts};
use platform::{http::ClientAddress, roles::Quota};

use super::problem::Failure;
use crate::{error::Error, service::Service};

/// Requests per minute and network, of all these pages together. Many people share the network of a
/// school or of a phone company, and each of them needs only a few; but whoever writes other
/// people's addresses into the form has mails sent to them, and must be slow.
const REQUESTS: Quota =
    Quota::new("giveaway-pages", NonZeroU32::new(120).expect("not zero"), Duration::from_secs(60));

/// A request that was within the limit. As an argument of a handler it counts the request.
pub(super) struct Admitted;

impl FromRequestParts<Arc<Service>> for Admitted {
    type Rejection = Failure;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Failure> {
        let address = ClientAddress::from_request_parts(parts, service).await;
        let network = address.map_err(Failure::from)?.network();
        match service.roles.limits.attempt(&REQUESTS, &network.to_string()).await {
            Ok(_) => Ok(Self),
            Err(used_up) => Err(Error::TooMany(used_up).into()),
        }
    }
}
