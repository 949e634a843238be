//! `?limit=&after=` of every list.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use platform::http::Problem;
use serde::Deserialize;

use super::Handled;

/// Items of a page at most, and unless fewer are asked for.
const MAX_LIMIT: u64 = 100;

/// Which part of a list is asked for.
#[derive(Debug, Default)]
pub(crate) struct List {
    /// Items of the page.
    pub(crate) limit: u64,
    after: Option<String>,
}

#[derive(Deserialize)]
struct Given {
    limit: Option<u64>,
    after: Option<String>,
}

impl List {
    /// The id behind which the page begins.
    pub(crate) fn after<T: std::str::FromStr>(&self) -> Handled<Option<T>> {
        let parse = |after: &str| {
            after.parse().map_err(|_| Problem::invalid_field("/after", "is no `next` of this list"))
        };
        self.after.as_deref().map(parse).transpose()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for List {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(given) = Query::<Given>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::invalid_field("/limit", "must be a number from 1 to 100"))?;
        let limit = given.limit.unwrap_or(MAX_LIMIT);
        if limit == 0 || limit > MAX_LIMIT {
            return Err(Problem::invalid_field("/limit", "must be a number from 1 to 100"));
        }
        Ok(Self { limit, after: given.after })
    }
}
