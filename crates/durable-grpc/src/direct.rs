//! The direct channel: for queries, which need no durability.

use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{FutureExt as _, future::BoxFuture};
use http::{HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION};
use tonic::{Code, Status, body::Body};
use tower::{Service, ServiceExt as _};

use crate::{
    breaker::{Entered, SharedBreaker, is_trouble_code},
    calls::Calls,
    gate::{Gate, Standing},
    headers::{GRPC_STATUS, GRPC_TIMEOUT, grpc_timeout, grpc_timeout_value},
    limits::{CALLEE_GRACE, DEFAULT_DEADLINE},
    outcome,
    target::{Target, TargetService},
};

/// A plain channel to a target, for queries by generated clients: nothing is persisted, nothing is
/// retried. A request without a timeout gets one of 30 s; the caller's side decides it, with
/// DEADLINE_EXCEEDED. Errors are statuses.
#[derive(Clone)]
pub struct DirectChannel {
    target: Target,
    credential: Option<HeaderValue>,
    guard: Option<Arc<Guard>>,
}

/// What keeps queries from a target that is in trouble.
struct Guard {
    calls: Calls,
    gate: Arc<Gate>,
    /// Fed by the queries themselves.
    breaker: Arc<SharedBreaker>,
}

impl DirectChannel {
    pub(crate) const fn unguarded(target: Target) -> Self {
        Self { target, credential: None, guard: None }
    }

    pub(crate) fn guarded(calls: &Calls, lane: &str, target: Target) -> Self {
        let gates = &calls.inner.gates;
        let guard = match (&target.service, &gates.breaker) {
            // What runs in this process is always up.
            (TargetService::InProcess(_), _) | (_, None) => None,
            (TargetService::Remote(_), Some(options)) => {
                let gate = gates.of(lane);
                let state = gate.metrics.breaker_state("query");
                let breaker =
                    SharedBreaker::new(lane.into(), "query", state, options.clone(), Vec::new());
                Some(Arc::new(Guard { calls: calls.clone(), gate, breaker: Arc::new(breaker) }))
            }
        };
        Self { target, credential: None, guard }
    }

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
        let (service, guard) = (self.target.service.clone(), self.guard.clone());
        Box::pin(async move {
            let entered = match guard {
                None => None,
                Some(guard) => match tokio::time::timeout(deadline, guard.enter()).await {
                    Ok(Ok(entered)) => Some(entered),
                    Ok(Err(status)) => return Ok(status.into_http()),
                    Err(_) => return Ok(late().into_http()),
                },
            };
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
            let (failed, response) = match tokio::time::timeout(deadline, exchange).await {
                Ok(Ok(Ok(response))) => (is_trouble(&response), response),
                Ok(Ok(Err(error))) => (true, Status::from_error(error).into_http()),
                Ok(Err(_panic)) => (true, Status::internal("callee panicked").into_http()),
                Err(_) => (true, late().into_http()),
            };
            if let Some(entered) = entered {
                entered.settle(failed);
            }
            Ok(response)
        })
    }
}

impl Guard {
    /// Lets a query through unless the workers of the lane, or the queries before, have found the
    /// target in trouble. That the lane has no worker is no reason: queries go past the workers.
    async fn enter(&self) -> Result<Entered, Status> {
        let standing = self.gate.standing_now(&*self.calls.inner.store).await;
        let retry_after = match standing {
            Standing::Down { retry_after } => retry_after,
            Standing::Up | Standing::Trial | Standing::Unserved => match self.breaker.enter() {
                Some(entered) => return Ok(entered),
                None => self.breaker.update(|breaker, now| breaker.retry_after(now)),
            },
        };
        self.gate.metrics.refused("down");
        let message = format!("target of lane {} is down", self.gate.lane());
        Err(outcome::come_again(Code::Unavailable, message, retry_after))
    }
}

fn late() -> Status {
    Status::deadline_exceeded("callee did not answer in time")
}

/// The head of the answer decides; a tonic server that refuses sends nothing else.
fn is_trouble(response: &Response<Body>) -> bool {
    let status = response.headers().get(GRPC_STATUS);
    response.status() != StatusCode::OK
        || status.is_some_and(|status| is_trouble_code(Code::from_bytes(status.as_bytes())))
}
