//! The service under a generated client.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response, header::CONTENT_TYPE};
use tonic::{Code, Status, body::Body};
use tower::Service;

use crate::{
    calls::{Calls, Placed},
    framing::{self, OneFrame},
    headers::{CALL_ID, GRPC_ENCODING, GRPC_STATUS},
    id::CallId,
    limits::MAX_MESSAGE_BYTES,
    options::DurableOptions,
    outcome::{self, not_accepted},
    store::{EndKind, Ended},
};

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const OK: HeaderValue = HeaderValue::from_static("0");

/// A channel whose calls are durable. Any generated tonic client works on it; errors are statuses,
/// never transport errors.
#[derive(Debug, Clone)]
pub struct DurableChannel {
    calls: Calls,
    lane: Arc<str>,
}

impl DurableChannel {
    pub(crate) fn new(calls: Calls, lane: &str) -> Self {
        Self { calls, lane: lane.into() }
    }
}

impl Service<Request<Body>> for DurableChannel {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { calls, lane } = self.clone();
        Box::pin(async move {
            Ok(match exchange(&calls, lane, request).await {
                Ok(response) => response,
                Err(status) => status.into_http(),
            })
        })
    }
}

async fn exchange(
    calls: &Calls,
    lane: Arc<str>,
    request: Request<Body>,
) -> Result<Response<Body>, Status> {
    let (mut parts, body) = request.into_parts();
    let options = parts.extensions.remove::<DurableOptions>().unwrap_or_default();
    let encoding = parts.headers.get(GRPC_ENCODING);
    let (message, _) = framing::one_message(body, encoding, MAX_MESSAGE_BYTES)
        .await
        .map_err(|error| not_accepted(error.code(), error.to_string()))?;
    let payload =
        message.ok_or_else(|| not_accepted(Code::InvalidArgument, "request holds no message"))?;
    let prepared = calls.prepare(lane, parts.uri.path(), payload, &parts.headers, options)?;
    match calls.place_traced(prepared).await? {
        // An empty message decodes as the default reply; the metadata tells which call it is.
        Placed::Detached(id) => Ok(ok(HeaderMap::new(), &[], HeaderMap::new(), id)),
        Placed::Ended(id, ended) => answer(id, &ended),
    }
}

/// The recorded end of a call as the response it would have been.
fn answer(id: CallId, ended: &Ended) -> Result<Response<Body>, Status> {
    let stored = match &ended.answer {
        Some(stored) if ended.kind == EndKind::Answered => stored,
        _ => return Err(outcome::ended_without_answer(id, ended)),
    };
    match &stored.message {
        Some(message) if stored.code() == Code::Ok => {
            Ok(ok(stored.headers.clone(), message, stored.trailers.clone(), id))
        }
        _ => {
            // An error is all headers and no body, with the status exactly as the callee sent it.
            let mut response = Response::new(Body::empty());
            *response.headers_mut() = stored.merged();
            response.headers_mut().insert(CONTENT_TYPE, GRPC);
            response.headers_mut().insert(CALL_ID, id.header_value());
            Ok(response)
        }
    }
}

/// A frame and trailers. With `grpc-status` in the headers tonic would skip its checks.
fn ok(headers: HeaderMap, message: &[u8], mut trailers: HeaderMap, id: CallId) -> Response<Body> {
    trailers.insert(GRPC_STATUS, OK);
    let mut response = Response::new(Body::new(OneFrame::reply(message, trailers)));
    *response.headers_mut() = headers;
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response.headers_mut().insert(CALL_ID, id.header_value());
    response
}
