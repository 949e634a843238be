//! JSON bodies with errors that name the field, and bodies under an idempotency key.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use super::{FieldError, Problem};

/// JSON bodies larger than this are refused; files have endpoints and limits of their own.
pub const BODY_LIMIT: usize = 256 * 1024;

/// Longest idempotency key: enough for any id, short enough for an index.
const KEY_LIMIT: usize = 128;

/// A JSON body, in or out.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        require_json(&parts.headers)?;
        parse(&read(body).await?).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// What makes two requests the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The caller's key, at most 128 visible ASCII characters.
    pub key: String,
    /// SHA-256 over method, path and body: the same key with another fingerprint is refused.
    pub fingerprint: [u8; 32],
}

impl IdempotencyKey {
    /// The problem for a key that was used with another body.
    pub fn mismatch() -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused")
            .detail("this idempotency key was used with another request; use a new key")
    }
}

/// A JSON body under the header `Idempotency-Key`, which must be there.
#[derive(Debug, Clone)]
pub struct Idempotent<T> {
    /// The key and the fingerprint of this request.
    pub key: IdempotencyKey,
    /// The body. An absent body counts as `{}`.
    pub body: T,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Idempotent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let key = header_key(&parts.headers)?;
        let bytes = read(body).await?;
        let fingerprint = fingerprint(&parts.method, parts.uri.path(), &bytes);
        let body = if bytes.is_empty() {
            parse(b"{}")?
        } else {
            require_json(&parts.headers)?;
            parse(&bytes)?
        };
        Ok(Self { key: IdempotencyKey { key, fingerprint }, body })
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    /// For endpoints whose body is not JSON: the fingerprint covers method and path only.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let key = header_key(&parts.headers)?;
        Ok(Self { key, fingerprint: fingerprint(&parts.method, parts.uri.path(), b"") })
    }
}

fn header_key(headers: &HeaderMap<HeaderValue>) -> Result<String, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "idempotency_key_missing")
            .detail("the header Idempotency-Key is needed, so that a retry has no second effect"));
    };
    value
        .to_str()
        .ok()
        .map(str::trim)
        .filter(|key| !key.is_empty() && key.len() <= KEY_LIMIT)
        .map(ToOwned::to_owned)
        .ok_or_else(|| {
            Problem::new(StatusCode::BAD_REQUEST, "idempotency_key_invalid").detail(format!(
                "the header Idempotency-Key must hold 1 to {KEY_LIMIT} visible ASCII characters"
            ))
        })
}

fn fingerprint(method: &Method, path: &str, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [method.as_str().as_bytes(), path.as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn require_json(headers: &HeaderMap<HeaderValue>) -> Result<(), Problem> {
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| {
            let kind = kind.trim();
            kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json")
        });
    if is_json {
        return Ok(());
    }
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "json_expected")
        .detail("the body must be JSON, with Content-Type: application/json"))
}

async fn read(body: axum::body::Body) -> Result<Bytes, Problem> {
    axum::body::to_bytes(body, BODY_LIMIT).await.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
            .detail(format!("the body must be complete and have at most {BODY_LIMIT} bytes"))
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde takes a list for an object, member by member: nobody means that.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::invalid_field("", "must be an object, and is a list"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        if error.inner().is_syntax() || error.inner().is_eof() {
            return Problem::new(StatusCode::BAD_REQUEST, "malformed_json")
                .detail(error.inner().to_string());
        }
        Problem::invalid(vec![FieldError::new(pointer(error.path()), error.inner().to_string())])
    })?;
    json.end().map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "malformed_json").detail(error.to_string())
    })?;
    Ok(value)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } => {
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { variant } => pointer.push_str(variant),
            Segment::Unknown => pointer.push('?'),
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Prize {
        count: u32,
    }

    #[derive(Debug, Deserialize)]
    struct Order {
        prizes: Vec<Prize>,
    }

    fn request(body: &str, key: Option<&str>) -> Request {
        let mut builder = Request::post("/orders").header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            builder = builder.header("idempotency-key", key);
        }
        builder.body(Body::from(body.to_owned())).unwrap()
    }

    #[tokio::test]
    async fn errors_name_the_field() {
        let bad = request(r#"{"prizes":[{"count":-1}]}"#, None);
        let problem = Json::<Order>::from_request(bad, &()).await.unwrap_err();
        assert_eq!(problem.body()["errors"][0]["pointer"], "/prizes/0/count");
        let unknown = request(r#"{"prizes":[{"count":1,"size":2}]}"#, None);
        let problem = Json::<Order>::from_request(unknown, &()).await.unwrap_err();
        assert_eq!(problem.body()["errors"][0]["pointer"], "/prizes/0/size");
        let broken = request("{", None);
        let problem = Json::<Order>::from_request(broken, &()).await.unwrap_err();
        assert_eq!(problem.code(), "malformed_json");
        let list = request(r#" [[{"count":2}]]"#, None);
        let problem = Json::<Order>::from_request(list, &()).await.unwrap_err();
        assert_eq!(problem.code(), "invalid_input");
        let good = Json::<Order>::from_request(request(r#"{"prizes":[{"count":2}]}"#, None), &());
        assert_eq!(good.await.unwrap().0.prizes[0].count, 2);
    }

    #[tokio::test]
    async fn a_key_is_needed_and_covers_the_body() {
        let get =
            async |body, key| Idempotent::<Order>::from_request(request(body, key), &()).await;
        let missing = get(r#"{"prizes":[]}"#, None).await.unwrap_err();
        assert_eq!(missing.code(), "idempotency_key_missing");
        let first = get(r#"{"prizes":[]}"#, Some("k")).await.unwrap().key;
        assert_eq!(get(r#"{"prizes":[]}"#, Some("k")).await.unwrap().key, first);
        let other = get(r#"{"prizes":[{"count":1}]}"#, Some("k")).await.unwrap().key;
        assert_ne!(other.fingerprint, first.fingerprint);
        let long = "k".repeat(129);
        assert!(get(r#"{"prizes":[]}"#, Some(long.as_str())).await.is_err());
    }
}
