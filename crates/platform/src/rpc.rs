//! The credential that every RPC between our services carries: reaching a gRPC port, or the queue,
//! must not be enough to mint a card.

use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use tonic::Status;

use crate::{
    keys::Key,
    token::{hmac_sha256, same_secret},
};

/// Shared by the applications of one installation.
#[derive(Clone)]
pub struct ServiceCredential {
    header: HeaderValue,
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
        Self { header }
    }

    /// The value of the `authorization` header that callers send.
    pub fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// Whether a request carries the credential.
    pub fn allows<B>(&self, request: &Request<B>) -> bool {
        request
            .headers()
            .get(AUTHORIZATION)
            .is_some_and(|given| same_secret(given.as_bytes(), self.header.as_bytes()))
    }

    /// What a caller without the credential is told.
    pub fn refusal<B: Default>(&self) -> Response<B> {
        Status::unauthenticated("this service takes calls of its own installation only").into_http()
    }
}

/// A tower layer for a whole gRPC server: calls without the credential are refused.
#[derive(Clone, Debug)]
pub struct RequireCredential(pub ServiceCredential);

impl<S> tower::Layer<S> for RequireCredential {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded { inner, credential: self.0.clone() }
    }
}

/// A service behind [`RequireCredential`].
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    inner: S,
    credential: ServiceCredential,
}

impl<S, Q, R> tower::Service<Request<Q>> for Guarded<S>
where
    S: tower::Service<Request<Q>, Response = Response<R>>,
    R: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future =
        futures::future::Either<S::Future, std::future::Ready<Result<S::Response, S::Error>>>;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        if self.credential.allows(&request) {
            futures::future::Either::Left(self.inner.call(request))
        } else {
            futures::future::Either::Right(std::future::ready(Ok(self.credential.refusal())))
        }
    }
}
