//! One execution of a call: what is sent, and what came back.

use std::time::Duration;

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{AUTHORIZATION, CONTENT_TYPE, TE},
};
use tokio::{task::JoinHandle, time::Instant};
use tonic::{Code, ConnectError, body::Body, metadata::MetadataMap};
use tower::{BoxError, Service, ServiceExt as _};
use tracing::Instrument as _;

use crate::{
    framing::{self, FramingError, OneFrame},
    headers::{
        self, ATTEMPT, CALL_ID, GRPC_ACCEPT_ENCODING, GRPC_ENCODING, GRPC_STATUS,
        GRPC_STATUS_DETAILS, GRPC_TIMEOUT, KEY, LANE, REFUSED, TIME_LEFT_MS, grpc_timeout_value,
    },
    limits::{CALLEE_GRACE, MAX_MESSAGE_BYTES, MAX_METADATA_BYTES},
    store::{Claim, StoredAnswer},
    target::{Target, TargetService},
    trace::{Joined, TRACEPARENT},
};

/// What an attempt brought.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attempt {
    /// The callee sent a gRPC status, OK or not.
    Answered(StoredAnswer),
    /// The call certainly did not reach the callee.
    NotSent(String),
    /// The call may have reached the callee, and no status came back.
    NoAnswer(String),
    /// The callee answered with something that cannot be kept.
    Unusable(String),
    /// The callee does not believe that the call was made by whom it trusts. Its handler has not seen
    /// the call and never will, as it stands.
    Unverified(String),
}

/// Executes a claimed call once, within its attempt timeout.
pub(crate) async fn attempt(
    target: &Target,
    claim: &Claim,
    credential: Option<&HeaderValue>,
) -> Attempt {
    let trace = Joined::for_attempt(&claim.call);
    let span = trace.attempt_span(&claim.call);
    attempt_within(target, claim, credential, &trace).instrument(span).await
}

async fn attempt_within(
    target: &Target,
    claim: &Claim,
    credential: Option<&HeaderValue>,
    trace: &Joined,
) -> Attempt {
    let timeout = claim.call.policy.attempt_timeout;
    let request = match request(claim, credential, trace) {
        Ok(request) => request,
        Err(error) => return Attempt::NotSent(format!("request cannot be built: {error}")),
    };
    let began = Instant::now();
    let result = match &target.service {
        // In its own task: a panic stays there, and a handler that blocks its thread does not block
        // the timer that gives up on it.
        TargetService::InProcess(service) => {
            let attempt =
                AbortOnDrop(tokio::spawn(exchange(service.clone(), request).in_current_span()));
            tokio::time::timeout(timeout, attempt.join()).await
        }
        TargetService::Remote(channel) => {
            tokio::time::timeout(timeout, exchange(channel.clone(), request)).await
        }
    };
    match result {
        Ok(attempt) => in_time(attempt, began.elapsed(), timeout),
        Err(_) => no_answer_within(timeout),
    }
}

/// What an attempt brought that may have come late. A worker that stood still (stopped, paused with
/// its machine) finds the answer beside its own timer, and what a server says by then may be about
/// the timeout that it was told: tonic's CANCELLED is made by the server's timer, not by the method,
/// which may well have had its effect.
fn in_time(attempt: Attempt, took: Duration, timeout: Duration) -> Attempt {
    match attempt {
        Attempt::Answered(answer)
            if took >= timeout
                && matches!(answer.code(), Code::Cancelled | Code::DeadlineExceeded) =>
        {
            no_answer_within(timeout)
        }
        attempt => attempt,
    }
}

fn no_answer_within(timeout: Duration) -> Attempt {
    Attempt::NoAnswer(format!("no answer within {timeout:?}"))
}

fn request(
    claim: &Claim,
    credential: Option<&HeaderValue>,
    trace: &Joined,
) -> Result<Request<Body>, http::Error> {
    let call = &claim.call;
    let mut request = Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(&*call.method)
        .body(Body::new(OneFrame::request(&call.payload)))?;
    let headers = request.headers_mut();
    headers.reserve(11 + call.metadata.len());
    headers.extend(call.metadata.iter().map(|(name, value)| (name.clone(), value.clone())));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let told = call.policy.attempt_timeout.saturating_add(CALLEE_GRACE);
    headers.insert(GRPC_TIMEOUT, grpc_timeout_value(told));
    headers.insert(CALL_ID, call.id.header_value());
    headers.insert(ATTEMPT, call.attempt_number().into());
    headers.insert(TIME_LEFT_MS, saturating_millis(claim.time_left).into());
    headers.insert(LANE, headers::text_value(&call.lane));
    match &call.key {
        Some(key) => headers.insert(KEY, headers::text_value(key)),
        None => headers.remove(KEY),
    };
    headers.insert(TRACEPARENT, trace.context().header_value());
    if let Some(credential) = credential {
        headers.insert(AUTHORIZATION, credential.clone());
    }
    Ok(request)
}

fn saturating_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

async fn exchange<S>(mut service: S, request: Request<Body>) -> Attempt
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
{
    let response = match service.ready().await {
        Ok(ready) => ready.call(request).await,
        Err(error) => Err(error),
    };
    match response {
        Ok(response) => read(response).await,
        Err(error) => lost(&*error.into()),
    }
}

async fn read(response: Response<Body>) -> Attempt {
    let (parts, body) = response.into_parts();
    if parts.status != StatusCode::OK {
        return Attempt::NoAnswer(format!("answer has http status {}", parts.status.as_u16()));
    }
    let encoding = parts.headers.get(GRPC_ENCODING);
    let (message, mut trailers) =
        match framing::one_message(body, encoding, MAX_MESSAGE_BYTES).await {
            Ok(read) => read,
            Err(FramingError::Lost(error)) => return lost(&*error),
            Err(error @ FramingError::Truncated) => return Attempt::NoAnswer(error.to_string()),
            Err(error) => return Attempt::Unusable(format!("answer: {error}")),
        };
    let mut headers = parts.headers;
    if headers.contains_key(GRPC_STATUS) && !trailers.contains_key(GRPC_STATUS) {
        // Trailers-only: the head of the response is all there is.
        trailers = std::mem::take(&mut headers);
    }
    let Some(status) = trailers.get(GRPC_STATUS) else {
        return Attempt::NoAnswer("answer has no grpc-status".to_owned());
    };
    let code = Code::from_bytes(status.as_bytes());
    if code == Code::Unauthenticated
        && let Some(refused) = refused(&trailers)
    {
        return refused;
    }
    let ok = code == Code::Ok;
    if ok && message.is_none() {
        return Attempt::NoAnswer("answer is OK but holds no message".to_owned());
    }
    let answer = StoredAnswer {
        headers: headers::keep_for_answer(headers),
        message: message.filter(|_| ok),
        trailers: with_readable_details(headers::keep_for_answer(trailers)),
    };
    let metadata_bytes = headers::size(&answer.headers) + headers::size(&answer.trailers);
    if metadata_bytes > MAX_METADATA_BYTES {
        return Attempt::Unusable(format!(
            "answer: metadata has {metadata_bytes} bytes, at most {MAX_METADATA_BYTES} fit"
        ));
    }
    Attempt::Answered(answer)
}

/// What the verification in front of the callee refused. Neither is an answer to the call: the wrong
/// credential is the worker's fault, so the call waits until that is put right, and a seal that does
/// not hold is for an operator to look at.
fn refused(trailers: &HeaderMap) -> Option<Attempt> {
    match trailers.get(REFUSED)?.as_bytes() {
        b"credential" => {
            Some(Attempt::NotSent("callee does not accept the worker's credential".to_owned()))
        }
        _ => Some(Attempt::Unverified("callee does not accept the call's mac".to_owned())),
    }
}

/// Details that are not base64 would make tonic panic in every caller that reads the status.
fn with_readable_details(trailers: HeaderMap) -> HeaderMap {
    if !trailers.contains_key(GRPC_STATUS_DETAILS) {
        return trailers;
    }
    let trailers = MetadataMap::from_headers(trailers);
    let readable = trailers
        .get_bin(GRPC_STATUS_DETAILS.as_str())
        .is_some_and(|value| value.to_bytes().is_ok());
    let mut trailers = trailers.into_headers();
    if !readable {
        tracing::warn!("callee sent status details that are not base64; they are dropped");
        trailers.remove(GRPC_STATUS_DETAILS);
    }
    trailers
}

/// A transport failure. It counts as not sent only where that is provable: there was no connection,
/// or the peer refused the stream unprocessed.
fn lost(error: &(dyn std::error::Error + 'static)) -> Attempt {
    let mut source = Some(error);
    while let Some(error) = source {
        if error.is::<ConnectError>() {
            return Attempt::NotSent(format!("no connection: {error}"));
        }
        if let Some(error) = error.downcast_ref::<h2::Error>()
            && error.is_remote()
            && error.reason() == Some(h2::Reason::REFUSED_STREAM)
        {
            return Attempt::NotSent("callee refused the stream".to_owned());
        }
        source = error.source();
    }
    Attempt::NoAnswer(format!("connection lost: {error}"))
}

/// A task that ends with whoever waits for it.
struct AbortOnDrop(JoinHandle<Attempt>);

impl AbortOnDrop {
    async fn join(mut self) -> Attempt {
        match (&mut self.0).await {
            Ok(attempt) => attempt,
            // The message of a panic may quote data of the call; it is on the panic's own report.
            Err(_) => Attempt::NoAnswer("attempt panicked".to_owned()),
        }
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use tokio::net::TcpListener;
    use tonic::transport::Endpoint;

    use super::*;
    use crate::{
        id::CallId,
        store::{Owner, Policy, Receipt, StoredCall},
    };

    #[test]
    fn a_status_of_the_callees_timer_is_no_answer() {
        const TIMEOUT: Duration = Duration::from_secs(10);
        let late = TIMEOUT + CALLEE_GRACE;
        let check = |code: Code, took: Duration, is_answer: bool| {
            let mut trailers = HeaderMap::new();
            trailers.insert(GRPC_STATUS, HeaderValue::from(code as i32));
            let answer = StoredAnswer { headers: HeaderMap::new(), message: None, trailers };
            let attempt = in_time(Attempt::Answered(answer), took, TIMEOUT);
            assert_eq!(matches!(attempt, Attempt::Answered(_)), is_answer, "{code:?} {took:?}");
        };
        check(Code::Cancelled, late, false);
        check(Code::DeadlineExceeded, late, false);
        // What the method itself says stays its answer, however late the worker looks at it.
        check(Code::FailedPrecondition, late, true);
        check(Code::Ok, late, true);
        check(Code::Cancelled, TIMEOUT / 2, true);
    }

    /// A callee that resets every stream.
    async fn resetting(reason: h2::Reason) -> Attempt {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(socket).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                respond.send_reset(reason);
            }
        });
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let (id, timeout) = (CallId::generate(), Duration::from_secs(10));
        let call = StoredCall {
            id,
            lane: "lane".into(),
            method: "/test.Service/Method".into(),
            key: None,
            metadata: HeaderMap::new(),
            payload: Bytes::new(),
            policy: Policy {
                idempotent: false,
                detached: false,
                attempt_timeout: timeout,
                expires_in: timeout,
                max_attempts: None,
            },
            attempts: 0,
            unsent: 0,
            lost: 0,
            ran_before: false,
        };
        let receipt = Receipt { id, lane: "lane".into(), owner: Owner::generate(), delivery: 1 };
        let claim = Claim { receipt, call: Arc::new(call), time_left: timeout };
        let attempt = attempt(&Target::remote([endpoint]), &claim, None).await;
        serving.abort();
        attempt
    }

    #[tokio::test]
    async fn only_a_refused_stream_is_certainly_not_processed() {
        let refused = resetting(h2::Reason::REFUSED_STREAM).await;
        assert!(matches!(refused, Attempt::NotSent(_)), "{refused:?}");
        for reason in [h2::Reason::CANCEL, h2::Reason::INTERNAL_ERROR, h2::Reason::NO_ERROR] {
            let lost = resetting(reason).await;
            assert!(matches!(lost, Attempt::NoAnswer(_)), "{reason:?}: {lost:?}");
        }
    }
}
