//! Believes only callers and workers that hold the secrets.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response, header::AUTHORIZATION};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tonic::{Code, Status, body::Body};
use tower::{BoxError, Layer, Service};

use super::DurableCall;
use crate::{
    framing,
    headers::{GRPC_ENCODING, MAC, REFUSED, is_reserved},
    limits::MAX_MESSAGE_BYTES,
    mac::{Covered, Identity, MacKey, Seal},
};

/// Refuses, with UNAUTHENTICATED, what does not come from those that hold the secrets: reaching the
/// call store or the callee's port is not enough to make it act.
///
/// - A **durable call** needs the seal of its caller: one of the keys that this layer accepts must
///   have made it, for this method, key and message. Whatever carries metadata of this library counts
///   as a durable call. Its body is read, up to 4 MiB, and handed on as it came.
/// - **Every request** needs the service credential, if one is set: durable calls, queries, streams.
///   Nothing is read before it is there. What is not a durable call passes unread.
///
/// A worker knows these refusals from those of the handler: a call whose seal does not hold becomes a
/// dead letter at once, and one that was brought with the wrong credential waits for a worker with
/// the right one.
#[derive(Debug, Clone)]
pub struct VerifyLayer {
    rules: Rules,
}

#[derive(Clone)]
struct Rules {
    keys: Arc<[MacKey]>,
    credentials: Arc<[HeaderValue]>,
    lane: Option<Arc<str>>,
}

impl VerifyLayer {
    /// Accepts durable calls sealed with one of these keys: more than one while a key is being
    /// changed. Without any, no durable call is accepted.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = MacKey>) -> Self {
        let keys = keys.into_iter().collect();
        Self { rules: Rules { keys, credentials: Arc::default(), lane: None } }
    }

    /// Requires this value as `authorization` of every request, as
    /// [`WorkerBuilder::credential`](crate::WorkerBuilder::credential) and
    /// [`DirectChannel::credential`](crate::DirectChannel::credential) send it. Set more than once,
    /// each value is accepted: for as long as it is being changed.
    #[must_use]
    pub fn credential(mut self, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.rules.credentials = self.rules.credentials.iter().cloned().chain([value]).collect();
        self
    }

    /// Accepts durable calls of this lane only. Without it a call that was sealed for another lane
    /// is accepted where that lane's methods are served: with one service behind several lanes, a
    /// store of one could then be fed with the calls of another.
    #[must_use]
    pub fn lane(mut self, lane: &str) -> Self {
        self.rules.lane = Some(lane.into());
        self
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules")
            .field("keys", &self.keys)
            .field("credentials", &self.credentials.len())
            .field("lane", &self.lane)
            .finish()
    }
}

/// What is wrong with a request.
#[derive(Debug)]
enum Refusal {
    Credential,
    Mac(&'static str),
    /// It is not one message, so there is nothing to verify.
    Body(Status),
}

impl Rules {
    fn has_credential(&self, headers: &HeaderMap) -> bool {
        if self.credentials.is_empty() {
            return true;
        }
        let Some(given) = headers.get(AUTHORIZATION) else { return false };
        // All are compared, so that the time does not tell which one is nearly right.
        self.credentials
            .iter()
            .map(|accepted| accepted.as_bytes().ct_eq(given.as_bytes()))
            .fold(subtle::Choice::from(0), |any, this| any | this)
            .into()
    }

    /// The request again, if it is as its caller sealed it.
    async fn verified<B>(&self, request: Request<B>) -> Result<Request<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let call = DurableCall::of(&parts.headers).ok_or(Refusal::Mac("call is not described"))?;
        let mac = parts.headers.get(MAC).ok_or(Refusal::Mac("call has no mac"))?;
        let seal = Seal::parse(mac).ok_or(Refusal::Mac("mac is malformed"))?;
        if self.lane.as_deref().is_some_and(|lane| lane != call.lane) {
            return Err(Refusal::Mac("call is of another lane"));
        }
        let encoding = parts.headers.get(GRPC_ENCODING);
        let (message, body) = framing::one_message_kept(body, encoding, MAX_MESSAGE_BYTES)
            .await
            .map_err(|error| Refusal::Body(Status::new(error.code(), error.to_string())))?;
        let message = message.ok_or_else(|| {
            Refusal::Body(Status::new(Code::InvalidArgument, "request holds no message"))
        })?;
        let covered = Covered {
            lane: &call.lane,
            method: parts.uri.path(),
            identity: Identity::of(call.key.as_deref(), call.id),
            hash: &Sha256::digest(&message).into(),
        };
        if !seal.is_of(&covered, &self.keys) {
            return Err(Refusal::Mac("mac does not hold"));
        }
        Ok(Request::from_parts(parts, Body::new(body)))
    }
}

impl Refusal {
    fn status(self, method: &str) -> Status {
        let (message, word) = match self {
            Self::Body(status) => return status,
            // Anybody who reaches the port could fill a log with these.
            Self::Credential => ("the service credential is missing or wrong", "credential"),
            Self::Mac(reason) => {
                tracing::warn!(
                    method,
                    reason,
                    "a durable call is refused: who made it is not known"
                );
                ("the call's mac is missing or does not hold", "mac")
            }
        };
        let mut status = Status::unauthenticated(message);
        status.metadata_mut().as_mut().insert(REFUSED, HeaderValue::from_static(word));
        status
    }
}

impl<S> Layer<S> for VerifyLayer {
    type Service = Verify<S>;

    fn layer(&self, inner: S) -> Verify<S> {
        Verify { inner, rules: self.rules.clone() }
    }
}

/// A service behind a [`VerifyLayer`].
#[derive(Debug, Clone)]
pub struct Verify<S> {
    inner: S,
    rules: Rules,
}

impl<S, B, R> Service<Request<B>> for Verify<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The clone stays behind: it is this one that is ready.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let rules = self.rules.clone();
        Box::pin(async move {
            let method = request.uri().path().to_owned();
            let checked = if !rules.has_credential(request.headers()) {
                Err(Refusal::Credential)
            } else if request.headers().keys().any(is_reserved) {
                rules.verified(request).await
            } else {
                Ok(request.map(Body::new))
            };
            match checked {
                Ok(request) => Ok(inner.call(request).await?.map(Body::new)),
                Err(refusal) => Ok(refusal.status(&method).into_http()),
            }
        })
    }
}
