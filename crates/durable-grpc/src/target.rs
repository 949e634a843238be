//! Where the calls of a lane are executed, and the direct channel to the same place.

use std::{
    fmt,
    panic::AssertUnwindSafe,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use tonic::{
    ConnectError, Status,
    body::Body,
    transport::{Channel, Endpoint},
};
use tower::{BoxError, Service, ServiceExt as _, service_fn, util::BoxCloneSyncService};

use crate::{
    headers::{GRPC_TIMEOUT, grpc_timeout, grpc_timeout_value},
    limits::{CALLEE_GRACE, DEFAULT_DEADLINE},
};

/// How long an attempt to connect to an endpoint may take, and with it how long a lost machine can
/// hold an attempt up before another endpoint is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often an idle connection is probed, so that a half-open one is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The service behind a lane. Cheap to clone.
#[derive(Clone)]
pub struct Target {
    pub(crate) service: TargetService,
}

#[derive(Clone)]
pub(crate) enum TargetService {
    InProcess(BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>),
    Remote(Channel),
}

impl Target {
    /// A service in this process: tonic's `Routes`, or any cloneable tower service of that shape.
    pub fn in_process<S, B>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let service = service.map_response(|response| response.map(Body::new)).map_err(Into::into);
        Self { service: TargetService::InProcess(BoxCloneSyncService::new(service)) }
    }

    /// One or more endpoints over which calls are balanced. Connections are made when they are
    /// needed, and again when they are lost. Without any endpoint, calls wait as for a callee that is
    /// down. Must be called within a tokio runtime.
    pub fn remote(endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        let endpoints = endpoints.into_iter().map(|endpoint| {
            endpoint
                .connect_timeout(CONNECT_TIMEOUT)
                .http2_keep_alive_interval(KEEP_ALIVE)
                .keep_alive_while_idle(true)
                .tcp_nodelay(true)
        });
        let mut endpoints: Vec<_> = endpoints.collect();
        let channel = match endpoints.pop() {
            None => return Self::in_process(service_fn(nowhere)),
            Some(only) if endpoints.is_empty() => only.connect_lazy(),
            Some(last) => Channel::balance_list(endpoints.into_iter().chain([last])),
        };
        Self { service: TargetService::Remote(channel) }
    }

    /// A channel that tonic already connects, with the interceptors and TLS it was given.
    #[must_use]
    pub const fn connected(channel: Channel) -> Self {
        Self { service: TargetService::Remote(channel) }
    }

    /// A channel for queries: straight to the target, nothing persisted, nothing retried.
    #[must_use]
    pub fn channel(&self) -> DirectChannel {
        DirectChannel { target: self.clone(), credential: None }
    }
}

async fn nowhere(_: Request<Body>) -> Result<Response<Body>, ConnectError> {
    Err(ConnectError("target has no endpoint".into()))
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.service {
            TargetService::InProcess(_) => "Target::InProcess",
            TargetService::Remote(_) => "Target::Remote",
        })
    }
}

/// A plain channel to a target, for queries by generated clients. A request without a timeout gets
/// one of 30 s; the caller's side decides it, with DEADLINE_EXCEEDED. Errors are statuses.
#[derive(Clone)]
pub struct DirectChannel {
    target: Target,
    credential: Option<HeaderValue>,
}

impl DirectChannel {
    /// Sends this value as `authorization` with every request.
    #[must_use]
    pub fn credential(mut self, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.credential = Some(value);
        self
    }
}

impl fmt::Debug for DirectChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectChannel").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Service<Request<Body>> for DirectChannel {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let deadline = grpc_timeout(request.headers()).unwrap_or(DEFAULT_DEADLINE);
        let told = grpc_timeout_value(deadline.saturating_add(CALLEE_GRACE));
        request.headers_mut().insert(GRPC_TIMEOUT, told);
        if let Some(credential) = &self.credential {
            request.headers_mut().insert(AUTHORIZATION, credential.clone());
        }
        let service = self.target.service.clone();
        Box::pin(async move {
            let exchange = async {
                match service {
                    TargetService::InProcess(service) => service.oneshot(request).await,
                    TargetService::Remote(channel) => {
                        channel.oneshot(request).await.map_err(Into::into)
                    }
                }
            };
            // A panic of a service in this process must not take its caller down with it.
            let exchange = AssertUnwindSafe(exchange).catch_unwind();
            Ok(match tokio::time::timeout(deadline, exchange).await {
                Ok(Ok(Ok(response))) => response,
                Ok(Ok(Err(error))) => Status::from_error(error).into_http(),
                Ok(Err(_panic)) => Status::internal("callee panicked").into_http(),
                Err(_) => Status::deadline_exceeded("callee did not answer in time").into_http(),
            })
        })
    }
}
