//! What proves that a call comes from this installation: reaching a gRPC port, or the queue, must not
//! be enough to mint a card.

use durable_grpc::{
    MacKey, Target,
    server::{TraceLayer, VerifyLayer},
};
use http::HeaderValue;
use tonic::service::Routes;
use tower::Layer as _;

use crate::{keys::Key, token::hmac_sha256};

/// Shared by the applications of one installation.
#[derive(Clone)]
pub struct ServiceCredential {
    header: HeaderValue,
    mac_key: MacKey,
}

impl std::fmt::Debug for ServiceCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServiceCredential(********)")
    }
}

impl ServiceCredential {
    /// Derives the credential from the installation's service key.
    pub fn new(key: &Key) -> Self {
        let secret = hmac_sha256(key.reveal(), &[b"handsel/service/v1"]);
        let mut header = HeaderValue::try_from(format!("Bearer {}", hex::encode(secret)))
            .expect("hexadecimal digits are a valid header value");
        header.set_sensitive(true);
        Self { header, mac_key: MacKey::new(*key.derive("durable calls").reveal()) }
    }

    /// The value of the `authorization` header that workers send, and callers of queries.
    pub fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// What callers seal durable calls with.
    pub fn mac_key(&self) -> MacKey {
        self.mac_key.clone()
    }

    /// An application's services in this process, as a gRPC port has them too: behind the verification,
    /// and within the trace of whoever calls. Repeats are left to the services: each command leaves one
    /// effect however often it comes.
    pub fn in_process(&self, routes: &Routes) -> Target {
        let services = TraceLayer.layer(routes.clone().prepare());
        Target::in_process(self.verification().layer(services))
    }

    /// A tower layer for every gRPC service: it refuses calls without the header, and durable calls
    /// that no caller of this installation has sealed.
    pub fn verification(&self) -> VerifyLayer {
        VerifyLayer::new([self.mac_key()]).credential(self.header())
    }
}
