//! The OpenAPI document of an API, made from its code.
//!
//! What an operation does, takes and answers stands beside its handler, and its route is registered with
//! it: a route that is not documented does not exist. What follows from those facts is added here, once for
//! all of them: which errors any operation can give, and the headers that come with them.
//!
//! | module | what it holds |
//! |---|---|
//! | `complete` | adds what follows from the facts of an operation |
//! | `errors` | the answers that refuse |
//! | `schemas` | what is the same in every API: problems, pages, keys |

mod complete;
mod errors;
mod schemas;

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use utoipa::openapi::{Info, OpenApi};

pub use self::schemas::{IdempotencyHeader, PageQuery, amount, schema};

/// What an API says about itself.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its name.
    pub title: &'static str,
    /// The version in its paths.
    pub version: &'static str,
    /// What it is for, in a paragraph.
    pub description: &'static str,
    /// The groups of its operations, in the order of reading, each with a sentence.
    pub tags: &'static [(&'static str, &'static str)],
    /// Who may be asked for: the names of security schemes, each with a sentence.
    pub bearers: &'static [(&'static str, &'static str)],
    /// Those of them whose tokens may be limited to scopes.
    pub scoped: &'static [&'static str],
}

/// A finished document, as it is served.
#[derive(Debug)]
pub struct Document {
    value: Value,
    json: String,
    etag: String,
}

impl Document {
    /// Finishes what the routes say of themselves.
    ///
    /// # Panics
    /// Never: what the routes say has a form as JSON.
    pub fn new(mut routes: OpenApi, about: &About) -> Self {
        routes.info = Info::new(about.title, about.version);
        let value = serde_json::to_value(routes).expect("a document has a form as JSON");
        let value = complete::document(value, about);
        let json = format!("{value:#}\n");
        let hash = hex::encode(&Sha256::digest(&json)[..16]);
        Self { value, json, etag: format!("\"{hash}\"") }
    }

    /// The document.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The document as text, as it is served and committed.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Serves it. It changes with the program only, so whoever has it asks whether it is still the same.
    pub fn answer(&self, asked: &HeaderMap) -> Response {
        let is_known = asked
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|tag| matches!(tag.trim().trim_start_matches("W/"), tag if tag == "*" || tag == self.etag));
        let mut answer = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, "application/json")], self.json.clone()).into_response()
        };
        let headers = answer.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        if let Ok(etag) = HeaderValue::try_from(self.etag.as_str()) {
            headers.insert(header::ETAG, etag);
        }
        answer
    }
}

/// The route under which a document is served: `openapi.json` below the API's prefix. It is made when
/// somebody asks for it first.
pub fn route<S>(prefix: &str, document: fn() -> &'static Document) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let answer = move |request: Request| async move { document().answer(request.headers()) };
    Router::new().route(&format!("{prefix}/openapi.json"), get(answer))
}

#[cfg(test)]
mod tests;
