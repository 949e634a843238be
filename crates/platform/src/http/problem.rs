//! Errors as RFC 9457 `application/problem+json`.

use std::{borrow::Cow, time::Duration};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};

use super::rate_limit::{self, whole_seconds};
use crate::roles::{Left, Quota, UsedUp};

/// What an endpoint answers when it refuses. `code` is stable and for programs; `detail` is for
/// people. Nothing internal belongs in either.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    errors: Vec<FieldError>,
    members: Map<String, Value>,
    // A box, because problems are returned everywhere and few of them have it.
    wait: Option<Box<Wait>>,
}

/// When to try again, and why not before.
#[derive(Debug, Clone)]
struct Wait {
    time: Duration,
    quota: Option<Quota>,
}

/// What is wrong with one field of the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the field.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

impl FieldError {
    /// `pointer` has the form `/prizes/0/count`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

impl Problem {
    /// A problem with a stable code, for example `insufficient_funds`.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code: code.into(),
            detail: String::new(),
            errors: Vec::new(),
            members: Map::new(),
            wait: None,
        }
    }

    /// Bad input: the fields are named.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let fields: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        let detail = format!(
            "the request has {} at {}",
            if errors.len() == 1 { "an error" } else { "errors" },
            fields.join(", ")
        );
        Self {
            errors,
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input").detail(detail)
        }
    }

    /// Bad input in one field.
    pub fn invalid_field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError::new(pointer, detail)])
    }

    /// There is no such thing, or not for this caller: the two look the same.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found").detail(detail)
    }

    /// The caller did not say, or not truthfully, who it is.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized").detail("a valid bearer token is needed")
    }

    /// The caller may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden").detail(detail)
    }

    /// The state of things does not allow it.
    pub fn conflict(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code).detail(detail)
    }

    /// Too many attempts.
    pub fn too_many(UsedUp { quota, wait }: UsedUp) -> Self {
        let wait = Wait { time: wait, quota: Some(quota) };
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests")
            .detail("too many attempts, wait before the next");
        Self { wait: Some(Box::new(wait)), ..problem }
    }

    /// Something we depend on does not answer; the request may be repeated.
    pub fn unavailable(detail: impl Into<String>, wait: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable").detail(detail).retry_after(wait)
    }

    /// Our fault. The cause is in the log, under the request id, and not in the answer.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
            .detail("something went wrong on our side")
    }

    /// Logs the cause and answers [`Problem::internal`]. The one place where unexpected errors of
    /// an endpoint end.
    pub fn unexpected(error: impl Into<anyhow::Error>) -> Self {
        let error = error.into();
        tracing::error!(error = format!("{error:#}"), "request failed");
        Self::internal()
    }

    /// What a person should read.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// An extra member, for example the balance that was too low.
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.members.insert(name.to_owned(), value);
        self
    }

    /// When to try again.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.wait = Some(Box::new(Wait { time: wait, quota: None }));
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The message for people.
    pub fn message(&self) -> &str {
        &self.detail
    }

    /// The body as JSON; also what is stored for a refusal under an idempotency key.
    pub fn body(&self) -> Value {
        let mut body = self.members.clone();
        body.insert("type".into(), format!("urn:handsel:problem:{}", self.code).into());
        body.insert("title".into(), self.code.replace('_', " ").into());
        body.insert("status".into(), self.status.as_u16().into());
        body.insert("code".into(), self.code.as_ref().into());
        body.insert("detail".into(), self.detail.as_str().into());
        if !self.errors.is_empty() {
            body.insert("errors".into(), serde_json::json!(self.errors));
        }
        Value::Object(body)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = self.body();
        if let (Some(id), Some(members)) = (super::request_id::current(), body.as_object_mut()) {
            members.insert("request_id".into(), id.into());
        }
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = &self.wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait.time).max(1)));
            if let Some(quota) = wait.quota {
                rate_limit::tell(headers, &quota, Left { attempts: 0, refilled_in: wait.time });
            }
        }
        // For who shows it as a page.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn tells_the_field_and_the_reason() {
        let problem = Problem::invalid_field("/amount/minor", "must be positive");
        let body = problem.body();
        assert_eq!(body["errors"][0]["pointer"], "/amount/minor");
        assert_eq!(body["errors"][0]["detail"], "must be positive");
        assert_eq!(body["code"], "invalid_input");
        assert_eq!(problem.into_response().status(), StatusCode::UNPROCESSABLE_ENTITY);
    }

    #[test]
    fn rounds_the_wait_up() {
        let quota = Quota::new("guesses", NonZeroU32::MIN, Duration::from_secs(60));
        let wait = Duration::from_millis(1_200);
        let response = Problem::too_many(UsedUp { quota, wait }).into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        assert_eq!(response.headers()["ratelimit"], "\"guesses\";r=0;t=2");
        assert_eq!(response.headers()["ratelimit-policy"], "\"guesses\";q=1;w=60");
    }
}
