//! Continues the caller's trace in the callee.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::Request;
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};

use super::DurableCall;
use crate::trace::{self, Joined};

/// Opens the span `durable.handle` around the handler of a durable call, and lets the durable calls
/// that the handler makes continue the same trace without any header of its own. That holds for the
/// handler's own task: a task that it spawns starts a trace anew.
///
/// Other requests get no span of their own. Their trace, if they bring one, is continued all the
/// same.
#[derive(Debug, Clone, Copy, Default)]
pub struct TraceLayer;

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace { inner }
    }
}

/// A service behind a [`TraceLayer`].
#[derive(Debug, Clone)]
pub struct Trace<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for Trace<S>
where
    S: Service<Request<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let call = DurableCall::of(request.headers());
        let joined = Joined::for_handler(request.headers(), call.is_some());
        let span = match (&joined, &call) {
            (Some(joined), Some(call)) => joined.handle_span(call, request.uri().path()),
            _ => Span::none(),
        };
        let handling = span.in_scope(|| self.inner.call(request));
        Box::pin(trace::within(joined, handling).instrument(span))
    }
}
