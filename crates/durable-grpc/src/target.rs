//! Where the calls of a lane are executed.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use tonic::{
    ConnectError,
    body::Body,
    transport::{Channel, Endpoint},
};
use tower::{BoxError, Service, ServiceExt as _, service_fn, util::BoxCloneSyncService};

use crate::direct::DirectChannel;

/// How long an attempt to connect to an endpoint may take, and with it how long a lost machine can
/// hold an attempt up before another endpoint is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often a connection is probed, so that a half-open one is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long such a probe may go unanswered. While it does, every attempt of the lane runs into its
/// timeout, so the client's default of 20 s is too long.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(3);

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
                .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
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

    /// A channel for queries: straight to the target, nothing persisted, nothing retried, and no
    /// breaker. [`Calls::direct`](crate::Calls::direct) gives one with a breaker.
    #[must_use]
    pub fn channel(&self) -> DirectChannel {
        DirectChannel::unguarded(self.clone())
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
