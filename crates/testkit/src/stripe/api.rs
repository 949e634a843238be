//! One request: who asks, in which version, whether it was asked before, and what becomes of it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::{
    API_KEY, Shared, State, events, lists,
    params::{Params, invalid},
    payments, transfers,
};

/// After this the same key creates a second object: "at least 24 hours old".
const KEY_LIFETIME_S: i64 = 24 * 60 * 60;

/// Versions that are known here.
const VERSIONS: [&str; 1] = ["2025-04-30.basil"];

/// What the next request that creates something meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it goes through.
    None,
    /// The connection is cut before anything happened; Stripe knows nothing of the request.
    LoseRequest,
    /// It happened, and the connection is cut instead of the answer.
    LoseAnswer,
    /// It happened, and the answer waits for [`super::Stripe::release`]. Meanwhile the request is
    /// under way: another one with its key is answered with 409.
    Hold,
    /// Nothing happened; the 500 is stored under the key.
    ErrorBefore,
    /// It happened; the 500 is stored under the key.
    ErrorAfter,
    /// It happened, and a proxy on the way answers with a page of its own.
    BadGateway,
    /// It happened, and the answer breaks off in the middle.
    Garbled,
    /// Too many requests: before the idempotency layer, hence not stored.
    RateLimit,
    /// Another request holds the lock on an object. Not stored.
    LockTimeout,
    /// The key lacks a permission.
    Forbidden,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// The parameters of query or body, decoded.
    pub params: Vec<(String, String)>,
    /// Its headers.
    pub headers: HeaderMap,
}

/// An error object.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) code: Option<&'static str>,
    pub(super) message: String,
}

impl Failure {
    fn new(status: StatusCode, kind: &'static str, code: Option<&'static str>) -> Self {
        Self { status, kind, code, message: "no".to_owned() }
    }

    fn answer(self) -> (StatusCode, Value) {
        let mut error = json!({ "type": self.kind, "message": self.message });
        if let Some(code) = self.code {
            error["code"] = code.into();
        }
        (self.status, json!({ "error": error }))
    }
}

/// What is remembered of an idempotency key.
#[derive(Debug)]
pub(super) struct Key {
    path: String,
    params: Params,
    since_s: i64,
    /// None while the first request is under way.
    answer: Option<(StatusCode, Value)>,
}

/// The answer, or none when the connection is to be cut.
pub(super) async fn handle(
    shared: Arc<Shared>,
    request: hyper::Request<Incoming>,
) -> Option<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    let is_post = parts.method == Method::POST;
    let encoded = match is_post {
        true => String::from_utf8_lossy(&body).into_owned(),
        false => parts.uri.query().unwrap_or_default().to_owned(),
    };
    let params = Params::decode(&encoded);
    let path = parts.uri.path().to_owned();
    shared.lock().seen.push(Seen {
        method: parts.method.clone(),
        path: path.clone(),
        params: params.0.clone(),
        headers: parts.headers.clone(),
    });
    if let Err(failure) = admit(&parts.headers, is_post) {
        let (status, body) = failure.answer();
        return Some(respond(status, &body, false));
    }
    if is_post {
        let key = parts.headers.get("idempotency-key").and_then(|key| key.to_str().ok());
        return post(&shared, path, params, key).await;
    }
    let got = get(&shared, &path, &params);
    let (status, body) = match got {
        Ok(object) => (StatusCode::OK, object),
        Err(failure) => failure.answer(),
    };
    Some(respond(status, &body, false))
}

fn admit(headers: &HeaderMap, is_post: bool) -> Result<(), Failure> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("authorization").and_then(|value| value.strip_prefix("Bearer ")) != Some(API_KEY) {
        return Err(Failure::new(StatusCode::UNAUTHORIZED, "invalid_request_error", None));
    }
    if !text("stripe-version").is_some_and(|version| VERSIONS.contains(&version)) {
        return Err(invalid("api_version_invalid", "Invalid Stripe API version"));
    }
    let form = "application/x-www-form-urlencoded";
    if is_post && text(header::CONTENT_TYPE.as_str()) != Some(form) {
        return Err(invalid("content_type_invalid", "The request body is not form-encoded"));
    }
    Ok(())
}

async fn post(
    shared: &Shared,
    path: String,
    params: Params,
    key: Option<&str>,
) -> Option<Response<Full<Bytes>>> {
    let refuse = |failure: Failure| {
        let (status, body) = failure.answer();
        Some(respond(status, &body, false))
    };
    let (status, body, fault) = {
        let state = &mut *shared.lock();
        let now_s = shared.now_s();
        // What comes before the idempotency layer. Other faults wait for a request that executes.
        let is_early = |fault: &mut Fault| {
            matches!(fault, Fault::LoseRequest | Fault::RateLimit | Fault::Forbidden)
        };
        match state.faults.pop_front_if(is_early) {
            Some(Fault::LoseRequest) => return None,
            Some(Fault::RateLimit) => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                return refuse(Failure::new(status, "invalid_request_error", Some("rate_limit")));
            }
            Some(Fault::Forbidden) => {
                let code = Some("more_permissions_required");
                return refuse(Failure::new(StatusCode::FORBIDDEN, "invalid_request_error", code));
            }
            _ => {}
        }
        state.keys.retain(|_, known| now_s - known.since_s < KEY_LIFETIME_S);
        if let Some(known) = key.and_then(|key| state.keys.get(key)) {
            if (&known.path, &known.params) != (&path, &params) {
                return refuse(Failure::new(StatusCode::BAD_REQUEST, "idempotency_error", None));
            }
            return match &known.answer {
                Some((status, body)) => Some(respond(*status, body, true)),
                None => {
                    let code = Some("idempotency_key_in_use");
                    refuse(Failure::new(StatusCode::CONFLICT, "invalid_request_error", code))
                }
            };
        }
        let creation = match Creation::of(&path, &params) {
            Ok(creation) => creation,
            Err(failure) => return refuse(failure),
        };
        let fault = state.faults.pop_front().unwrap_or(Fault::None);
        if fault == Fault::LockTimeout {
            let status = StatusCode::TOO_MANY_REQUESTS;
            return refuse(Failure::new(status, "invalid_request_error", Some("lock_timeout")));
        }
        // Execution begins: from here on the answer is stored, whatever it is.
        let internal = || Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "api_error", None);
        let answer = match fault {
            Fault::ErrorBefore => Err(internal()),
            _ => creation(state, &params, now_s),
        };
        let answer = if fault == Fault::ErrorAfter { Err(internal()) } else { answer };
        let (status, body) = match answer {
            Ok(object) => (StatusCode::OK, object),
            Err(failure) => failure.answer(),
        };
        if let Some(key) = key {
            let answer = (fault != Fault::Hold).then(|| (status, body.clone()));
            state.keys.insert(key.to_owned(), Key { path, params, since_s: now_s, answer });
        }
        (status, body, fault)
    };
    match fault {
        Fault::LoseAnswer => None,
        Fault::BadGateway => {
            let page = Bytes::from_static(b"<html>bad gateway</html>");
            let mut response = Response::new(Full::new(page));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            Some(response)
        }
        Fault::Garbled => {
            let mut text = body.to_string();
            text.truncate(text.len() / 2);
            Some(Response::new(Full::new(text.into())))
        }
        Fault::Hold => {
            shared.holding.add_permits(1);
            super::take(&shared.held).await;
            if let Some(key) = key
                && let Some(known) = shared.lock().keys.get_mut(key)
            {
                known.answer = Some((status, body.clone()));
            }
            shared.let_go.add_permits(1);
            Some(respond(status, &body, false))
        }
        _ => Some(respond(status, &body, false)),
    }
}

/// Creates an object.
type Create = fn(&mut State, &Params, i64) -> Result<Value, Failure>;

/// The endpoints that create something.
struct Creation;

impl Creation {
    /// The endpoint, once its parameters are right: "if incoming parameters fail validation" nothing
    /// is stored.
    fn of(path: &str, params: &Params) -> Result<Create, Failure> {
        Ok(match path {
            "/v1/checkout/sessions" => {
                payments::check_session(params)?;
                payments::create_session
            }
            "/v1/refunds" => {
                payments::check_refund(params)?;
                payments::create_refund
            }
            "/v1/transfers" => {
                transfers::check(params)?;
                transfers::create
            }
            _ => return Err(unrecognized(path)),
        })
    }
}

fn get(shared: &Shared, path: &str, params: &Params) -> Result<Value, Failure> {
    let state = &*shared.lock();
    let segments: Vec<_> = path.split('/').skip(1).collect();
    match segments[..] {
        ["v1", "checkout", "sessions", id] => {
            params.only(&["expand[]"])?;
            let session = super::find(&state.sessions, id).cloned();
            session.ok_or_else(|| missing("checkout.session", id))
        }
        ["v1", "events"] => events::list(state, params, shared.now_s()),
        ["v1", "payment_intents"] => payments::list(state, params),
        ["v1", "payment_intents", id] => payments::retrieve(state, id, params),
        ["v1", "disputes"] => {
            params.only(&[&lists::PARAMS[..], &["payment_intent"]].concat())?;
            let of = params.get("payment_intent");
            lists::page(path, "dispute", &state.disputes, params, |dispute| {
                of.is_none_or(|of| dispute["payment_intent"] == of)
            })
        }
        ["v1", "transfers"] => transfers::list(state, params),
        ["v1", "transfers", id] => {
            params.only(&["expand[]"])?;
            super::find(&state.transfers, id).cloned().ok_or_else(|| missing("transfer", id))
        }
        _ => Err(unrecognized(path)),
    }
}

/// An object that does not exist.
pub(super) fn missing(noun: &str, id: &str) -> Failure {
    Failure {
        status: StatusCode::NOT_FOUND,
        kind: "invalid_request_error",
        code: Some("resource_missing"),
        message: format!("No such {noun}: '{id}'"),
    }
}

fn unrecognized(path: &str) -> Failure {
    Failure {
        status: StatusCode::NOT_FOUND,
        kind: "invalid_request_error",
        code: None,
        message: format!("Unrecognized request URL ({path})"),
    }
}

fn respond(status: StatusCode, body: &Value, is_replayed: bool) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    headers.insert("request-id", http::HeaderValue::from_static("req_test"));
    if is_replayed {
        headers.insert("idempotent-replayed", http::HeaderValue::from_static("true"));
    }
    response
}
