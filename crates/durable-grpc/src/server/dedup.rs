//! Stops repeats of a call that reach this process while the first is under way, or after it.
//!
//! # What is kept
//! **OK answers**, for a while. They stand for an effect, and whoever delivers the call again, because
//! the answer was lost or not recorded, gets the very same one.
//!
//! **Refusals are not kept**, only shared with those that wait at that moment. A call that was refused
//! may be run again on purpose, under the same id: an operator has put right what was wrong, and
//! replays the dead letter. Nothing in a delivery tells that from a redelivery. Attempt numbers do not:
//! they start over when a call is run again, and a worker that was taken for dead may deliver an old
//! attempt late. A stale refusal would be wrong, and judging once more costs nothing, because a refusal
//! has no effect to repeat.
//!
//! **Trouble is not kept** either (UNAVAILABLE, INTERNAL and the like, a panic, a lost connection, a
//! body that breaks off): the next in line executes the call.
//!
//! # What a repeat is
//! Id, method, key and seal have to agree. The seal is what ties an id to its message, so a call that
//! comes under the id of another one is not answered with the other's answer.

mod answers;

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt as _, future::BoxFuture, stream};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, BodyStream, StreamBody};
use tonic::{Code, body::Body};
use tower::{BoxError, Layer, Service};

use self::answers::{Answers, Identity, Place};
use super::DurableCall;
use crate::{
    decide::is_answer,
    framing::{MAX_FRAME_BYTES, OneFrame},
    headers::{GRPC_ACCEPT_ENCODING, GRPC_STATUS},
    limits::{KEEP_ANSWER_BYTES, KEEP_ANSWERS},
};

/// Lets each durable call be executed by one delivery at a time in this process: others wait and get
/// the very same answer. OK answers are kept for five minutes, at most 16 MiB of them.
///
/// **It stops concurrent and completed repeats within one process and for a while, and no more.** Not
/// a repeat after a crash between the effect and its answer, not one that reaches another process,
/// not one that comes late: only the callee's own transaction does, see [`joining`](super::joining).
/// Use it where a repeat is harmless but dear, or would only wait for the locks of the first.
///
/// A repeat waits as long as its own caller lets it. If the first delivery ends without an answer,
/// because it was dropped, panicked or met trouble, one of those that wait executes the call.
/// Requests that are no durable calls pass untouched.
///
/// All services made from one layer and its clones share what they know.
#[derive(Debug, Clone)]
pub struct DedupLayer {
    answers: Arc<Answers>,
}

impl DedupLayer {
    /// Keeps OK answers for this time, and at most this many bytes of them; the oldest go first. With
    /// zero, only concurrent repeats are stopped.
    #[must_use]
    pub fn keeping(time: Duration, bytes: usize) -> Self {
        Self { answers: Arc::new(Answers::new(time, bytes)) }
    }
}

impl Default for DedupLayer {
    fn default() -> Self {
        Self::keeping(KEEP_ANSWERS, KEEP_ANSWER_BYTES)
    }
}

impl<S> Layer<S> for DedupLayer {
    type Service = Dedup<S>;

    fn layer(&self, inner: S) -> Dedup<S> {
        Dedup { inner, answers: self.answers.clone() }
    }
}

/// A service behind a [`DedupLayer`].
#[derive(Debug, Clone)]
pub struct Dedup<S> {
    inner: S,
    answers: Arc<Answers>,
}

impl<S, B, R> Service<Request<B>> for Dedup<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError> + Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The clone stays behind: it is this one that is ready.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let Some(call) = DurableCall::of(request.headers()) else {
            let passed = inner.call(request);
            return Box::pin(async move { Ok(passed.await?.map(Body::new)) });
        };
        let identity = Arc::new(Identity::of(&call, &request));
        let answers = self.answers.clone();
        Box::pin(async move {
            loop {
                match answers.enter(&identity) {
                    Place::Answered(answer) => return Ok(answer.response()),
                    Place::Behind(mut first) => {
                        if let Ok(answer) = first.wait_for(Option::is_some).await
                            && let Some(answer) = &*answer
                        {
                            return Ok(answer.response());
                        }
                        // The first gave up. Whoever comes back first takes its place.
                    }
                    Place::First(first) => {
                        // Whoever waits may not read what this caller reads.
                        let plain = HeaderValue::from_static("identity");
                        request.headers_mut().insert(GRPC_ACCEPT_ENCODING, plain);
                        let response = inner.call(request).await?;
                        return Ok(match gather(response).await {
                            Gathered::Answer(answer) => first.answered(answer).response(),
                            Gathered::Passed(response) => response,
                        });
                    }
                }
            }
        })
    }
}

/// A callee's considered answer, whole.
#[derive(Debug)]
struct Answer {
    code: Code,
    headers: HeaderMap,
    body: Bytes,
    trailers: HeaderMap,
}

impl Answer {
    fn response(&self) -> Response<Body> {
        let body = OneFrame::as_received(self.body.clone(), self.trailers.clone());
        let mut response = Response::new(Body::new(body));
        response.headers_mut().clone_from(&self.headers);
        response
    }
}

enum Gathered {
    Answer(Answer),
    /// Anything else, to be passed on to whoever caused it, as it would have been.
    Passed(Response<Body>),
}

/// Reads a response as far as it is one answer of a size that a durable call can have.
async fn gather<R>(response: Response<R>) -> Gathered
where
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError> + Send,
{
    let (parts, body) = response.into_parts();
    let mut body = Box::pin(body);
    let mut read: Vec<Bytes> = Vec::new();
    let mut trailers = HeaderMap::new();
    let broken = loop {
        match body.frame().await {
            None => break None,
            Some(Err(error)) => break Some(Err(error)),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    read.push(data);
                    if read.iter().map(Bytes::len).sum::<usize>() > MAX_FRAME_BYTES {
                        break Some(Ok(()));
                    }
                }
                Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
            },
        }
    };
    let before = stream::iter(read.clone()).map(|data| Ok(Frame::data(data)));
    let code = trailers.get(GRPC_STATUS).or_else(|| parts.headers.get(GRPC_STATUS));
    match (broken, code.map(|code| Code::from_bytes(code.as_bytes()))) {
        (None, Some(code)) if parts.status == StatusCode::OK && is_answer(code) => {
            // Copied: a callee encodes into pieces of a large buffer, which must not be kept for it.
            let body = Bytes::from(read.concat());
            Gathered::Answer(Answer { code, headers: parts.headers, body, trailers })
        }
        (None, _) => {
            let body = OneFrame::as_received(read.concat().into(), trailers);
            Gathered::Passed(Response::from_parts(parts, Body::new(body)))
        }
        (Some(Ok(())), _) => {
            let body = StreamBody::new(before.chain(BodyStream::new(body)));
            Gathered::Passed(Response::from_parts(parts, Body::new(body)))
        }
        (Some(Err(error)), _) => {
            let body = StreamBody::new(before.chain(stream::iter([Err(error)])));
            Gathered::Passed(Response::from_parts(parts, Body::new(body)))
        }
    }
}

#[cfg(test)]
mod tests;
