//! Pages of lists, and ids in paths: refused in the same form as everything else.

use std::str::FromStr;
use utoipa::ToSchema;

use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;
use platform::http::Problem;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Items on a page, at most.
const LIMIT_MAX: u64 = 100;

/// The id in the path. One that is none names nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Id<T>(pub(crate) T);

/// Which page: `?limit=&after=`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paging<T> {
    /// Items at most.
    pub(crate) limit: u64,
    /// The last item of the page before.
    pub(crate) after: Option<T>,
}

/// A page.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    items: Vec<T>,
    /// Where the next page begins: after this one; null on the last.
    next: Option<String>,
}

impl<T> Page<T> {
    /// A page from what was asked for; a full one may have another behind it.
    pub(crate) fn new<I: ToString>(items: Vec<T>, limit: u64, id: impl Fn(&T) -> I) -> Self {
        let is_full = items.len() as u64 >= limit;
        let next = items.last().filter(|_| is_full).map(|last| id(last).to_string());
        Self { items, next }
    }

    /// A page whose end was told by somebody else.
    pub(crate) fn with_next(items: Vec<T>, next: Option<String>) -> Self {
        Self { items, next }
    }
}

/// How many items a page has at most, when so many were asked for.
pub(crate) fn limit(given: Option<u64>) -> Result<u64, Problem> {
    let limit = given.unwrap_or(LIMIT_MAX);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::invalid_field("/limit", format!("must be 1 to {LIMIT_MAX}")));
    }
    Ok(limit)
}

impl<T, S> FromRequestParts<S> for Id<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Problem::not_found("nothing has an id like the one in the path")),
        }
    }
}

impl<T, S> FromRequestParts<S> for Paging<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Given {
            limit: Option<u64>,
            after: Option<String>,
        }
        let Query(given) = Query::<Given>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::invalid_field("", error.body_text()))?;
        let limit = limit(given.limit)?;
        let after = given
            .after
            .map(|after| after.parse())
            .transpose()
            .map_err(|error: T::Err| Problem::invalid_field("/after", error.to_string()))?;
        Ok(Self { limit, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_has_one_to_a_hundred_items() {
        async fn check(query: &str, expected: Result<(u64, Option<u32>), &str>) {
            let request = http::Request::get(format!("/list?{query}")).body(()).unwrap();
            let mut parts = request.into_parts().0;
            let paging = Paging::<u32>::from_request_parts(&mut parts, &()).await;
            let told = paging.map(|paging| (paging.limit, paging.after));
            let told = told.map_err(|problem| problem.body()["errors"][0]["pointer"].clone());
            assert_eq!(told, expected.map_err(Into::into), "{query}");
        }
        check("", Ok((100, None))).await;
        check("limit=7&after=3", Ok((7, Some(3)))).await;
        check("limit=0", Err("/limit")).await;
        check("limit=101", Err("/limit")).await;
        check("after=x", Err("/after")).await;
        check("before=1", Err("")).await;
    }

    #[test]
    fn only_a_full_page_may_have_a_next() {
        let next = |items: Vec<u32>, limit| Page::new(items, limit, |n| *n).next;
        assert_eq!(next(vec![1, 2], 2), Some("2".to_owned()));
        assert_eq!(next(vec![1], 2), None);
        assert_eq!(next(vec![], 2), None);
    }
}
