//! How often one network may use the forms and the mailed links.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use platform::{http::ClientAddress, limits::AttemptLimit};

use super::problem::Failure;
use crate::error::Error;

/// Requests per minute and network, of all these pages together. Many people share the network of a
/// school or of a phone company, and each of them needs only a few; but whoever writes other
/// people's addresses into the form has mails sent to them, and must be slow.
const REQUESTS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(120).expect("120 is not zero");

/// Counts the attempts of all networks.
pub(super) struct Attempts(AttemptLimit<IpAddr>);

/// A request that was within the limit. As an argument of a handler it counts the request.
pub(super) struct Admitted;

impl Default for Attempts {
    fn default() -> Self {
        Self(AttemptLimit::new(REQUESTS_PER_MINUTE, Duration::from_secs(60)))
    }
}

impl<S> FromRequestParts<S> for Admitted
where
    S: Send + Sync,
    Arc<Attempts>: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let address = ClientAddress::from_request_parts(parts, state).await;
        let network = address.map_err(Failure::from)?.network();
        match Arc::<Attempts>::from_ref(state).0.attempt(&network) {
            Ok(()) => Ok(Self),
            Err(wait) => Err(Error::TooMany(wait).into()),
        }
    }
}
