//! The style sheet and the icon: part of the program, so that a page and its looks never differ in
//! version.

use std::sync::LazyLock;

use axum::{
    extract::RawQuery,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest as _, Sha256};

/// Where the style sheet is.
pub(super) const STYLE_PATH: &str = "/assets/giveaway.css";
/// Where the icon is.
pub(super) const ICON_PATH: &str = "/assets/giveaway.svg";

const STYLE: &str = include_str!("giveaway.css");
const ICON: &str = include_str!("giveaway.svg");

/// What names a version of the assets: the beginning of their hash. Eight bytes, since it tells
/// versions apart and protects nothing.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let hash = Sha256::new().chain_update(STYLE).chain_update(ICON).finalize();
    hex::encode(&hash[..8])
});

/// A file at an address with its version never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// One without a version, or with that of a neighbour that runs another release, is asked for again.
const ASK_AGAIN: &str = "no-cache";

/// The style sheet's address, with its version.
pub(super) fn style_url() -> String {
    format!("{STYLE_PATH}?v={}", *VERSION)
}

/// The icon's address, with its version.
pub(super) fn icon_url() -> String {
    format!("{ICON_PATH}?v={}", *VERSION)
}

/// `GET /assets/giveaway.css`
pub(super) async fn style(RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    file(STYLE, "text/css; charset=utf-8", query.as_deref(), &headers)
}

/// `GET /assets/giveaway.svg`
pub(super) async fn icon(RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    file(ICON, "image/svg+xml", query.as_deref(), &headers)
}

fn file(
    content: &'static str,
    kind: &'static str,
    query: Option<&str>,
    asked: &HeaderMap,
) -> Response {
    let is_named = query.and_then(|query| query.strip_prefix("v=")) == Some(VERSION.as_str());
    let tag = format!("\"{}\"", *VERSION);
    let known = asked.get(header::IF_NONE_MATCH);
    let is_known = known.is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CACHE_CONTROL, if is_named { FOR_EVER } else { ASK_AGAIN }.to_owned()),
        (header::ETAG, tag),
    ];
    if is_known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, content).into_response()
}
