//! The style sheet, the scripts and the icon of all pages: part of the program, so that a page and its looks
//! never differ in version. Served by [`super::edge`], which every application goes through once, whether
//! alone or together with the others.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::{Path, Request},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use super::Problem;

/// One file.
#[derive(Debug)]
struct Asset {
    /// Its address below the version.
    path: &'static str,
    content: &'static str,
}

/// Files by their path in `assets/`, where their addresses are the same.
macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[
            Asset { path: STYLE, content: STYLE_SHEET },
            $(Asset { path: $path, content: include_str!(concat!("../../assets/", $path)) }),*
        ]
    };
}

const STYLE: &str = "handsel.css";

/// One style sheet, written as a file for each concern.
const STYLE_SHEET: &str = concat!(
    include_str!("../../assets/css/tokens.css"),
    include_str!("../../assets/css/ground.css"),
    include_str!("../../assets/css/frame.css"),
    include_str!("../../assets/css/controls.css"),
    include_str!("../../assets/css/components.css"),
    include_str!("../../assets/css/giveaway.css"),
    include_str!("../../assets/css/live.css"),
    include_str!("../../assets/css/card.css"),
    include_str!("../../assets/css/verify.css"),
    include_str!("../../assets/css/host.css"),
);

const ASSETS: &[Asset] = files!(
    "handsel.svg",
    "js/celebrate.js",
    "js/copy.js",
    "js/countdown.js",
    "js/draw.js",
    "js/elements.js",
    "js/frame.js",
    "js/handsel.js",
    "js/file.js",
    "js/follow.js",
    "js/live.js",
    "js/room.js",
    "js/time.js",
    "js/verify/bytes.js",
    "js/verify/canonical.js",
    "js/verify/draw.js",
    "js/verify/entries.js",
    "js/verify/findings.js",
    "js/verify/page.js",
    "js/verify/rules.js",
    "js/verify/shape.js",
    "js/verify/succession.js",
    "js/verify/verify.js",
    "js/zoned.js",
    "vendor/htmx/htmx.min.js",
    "vendor/noble-curves/abstract/bls.js",
    "vendor/noble-curves/abstract/curve.js",
    "vendor/noble-curves/abstract/der.js",
    "vendor/noble-curves/abstract/edwards.js",
    "vendor/noble-curves/abstract/fft.js",
    "vendor/noble-curves/abstract/frost.js",
    "vendor/noble-curves/abstract/hash-to-curve.js",
    "vendor/noble-curves/abstract/modular.js",
    "vendor/noble-curves/abstract/montgomery.js",
    "vendor/noble-curves/abstract/oprf.js",
    "vendor/noble-curves/abstract/tower.js",
    "vendor/noble-curves/abstract/weierstrass.js",
    "vendor/noble-curves/bls12-381.js",
    "vendor/noble-curves/ed25519.js",
    "vendor/noble-curves/utils.js",
    "vendor/noble-hashes/_md.js",
    "vendor/noble-hashes/_u64.js",
    "vendor/noble-hashes/hmac.js",
    "vendor/noble-hashes/sha2.js",
    "vendor/noble-hashes/sha3.js",
    "vendor/noble-hashes/utils.js",
    "vendor/socket.io/socket.io.esm.min.js",
);

/// The script for other sites, at an address that never changes.
const EMBED: &str = include_str!("../../assets/js/embed.js");

/// What names a version of the assets: the beginning of the hash of all of them. Eight bytes, since it tells
/// versions apart and protects nothing. It stands in the path, so that a module's relative imports have it too.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in ASSETS {
        hash.update(asset.path);
        hash.update([0]);
        hash.update(asset.content);
    }
    hex::encode(&hash.finalize()[..8])
});

/// A file at an address with its version never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// One with the version of a neighbour that runs another release is asked for again.
const ASK_AGAIN: &str = "no-cache";
/// What other sites have embedded is asked for again once an hour.
const AN_HOUR: &str = "public, max-age=3600";

/// The address of a file, with its version.
///
/// # Panics
/// When there is no such file, which a test of any page shows.
pub fn asset_url(path: &str) -> String {
    assert!(ASSETS.iter().any(|asset| asset.path == path), "there is no asset {path}");
    format!("/assets/{}/{path}", *VERSION)
}

/// `GET /assets/{version}/…` and `GET /embed.js`.
pub(super) fn router() -> Router {
    Router::new().route("/assets/{version}/{*path}", get(asset)).route("/embed.js", get(embed))
}

async fn asset(Path((version, path)): Path<(String, String)>, request: Request) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.path == path) else {
        return Problem::not_found("no such file").into_response();
    };
    let keep = if version == *VERSION { FOR_EVER } else { ASK_AGAIN };
    file(asset.path, asset.content, keep, &request)
}

/// Other sites may load it, whatever they think of us.
async fn embed(request: Request) -> Response {
    let mut response = file("embed.js", EMBED, AN_HOUR, &request);
    let anyone = HeaderValue::from_static("cross-origin");
    response.headers_mut().insert("cross-origin-resource-policy", anyone);
    response
}

fn file(path: &str, content: &'static str, keep: &'static str, asked: &Request) -> Response {
    let tag = format!("\"{}\"", *VERSION);
    let known = asked.headers().get(header::IF_NONE_MATCH);
    let is_known = known.is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let headers = [
        (header::CONTENT_TYPE, kind(path).to_owned()),
        (header::CACHE_CONTROL, keep.to_owned()),
        (header::ETAG, tag),
    ];
    if is_known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, content).into_response()
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::HeaderMap;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    async fn fetch(path: &str, known: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::get(path).header(header::IF_NONE_MATCH, known);
        let answer = super::super::edge(Router::new());
        let answer = answer.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_file_with_its_version_is_kept_for_ever_and_known_by_its_tag() {
        let path = asset_url("handsel.css");
        let (status, headers, css) = fetch(&path, "").await;
        assert_eq!(
            (status, &headers[header::CACHE_CONTROL]),
            (StatusCode::OK, &FOR_EVER.parse().unwrap())
        );
        assert_eq!(headers[header::CONTENT_TYPE], "text/css; charset=utf-8");
        assert!(css.starts_with("/* Tokens:") && css.contains(".hero"));
        let tag = headers[header::ETAG].to_str().unwrap();
        assert_eq!(fetch(&path, tag).await.0, StatusCode::NOT_MODIFIED);
        let (status, headers, _) = fetch("/assets/0123456789abcdef/handsel.css", "").await;
        assert_eq!(
            (status, &headers[header::CACHE_CONTROL]),
            (StatusCode::OK, &ASK_AGAIN.parse().unwrap())
        );
        for path in ["/assets/x/nothing.css", "/assets/x/../Cargo.toml", "/assets/handsel.css"] {
            assert_eq!(fetch(path, "").await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[tokio::test]
    async fn other_sites_may_load_the_script_for_them_and_nothing_else() {
        let (_, headers, js) = fetch("/embed.js", "").await;
        assert_eq!(headers["cross-origin-resource-policy"], "cross-origin");
        assert!(js.contains("iframe"));
        let (_, headers, _) = fetch(&asset_url("js/handsel.js"), "").await;
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
    }

    #[test]
    fn what_scripts_import_is_served() {
        for asset in ASSETS.iter().filter(|asset| asset.path.starts_with("js/")) {
            let folder = std::path::Path::new(asset.path).parent().unwrap();
            for line in asset.content.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for quoted in line.split('\'').skip(1).step_by(2).filter(|it| it.ends_with(".js")) {
                    let mut path: Vec<_> =
                        folder.iter().map(|part| part.to_str().unwrap()).collect();
                    for part in quoted.split('/') {
                        match part {
                            "." => {}
                            ".." => drop(path.pop()),
                            name => path.push(name),
                        }
                    }
                    let path = path.join("/");
                    assert!(ASSETS.iter().any(|it| it.path == path), "{}: {quoted}", asset.path);
                }
            }
        }
    }

    #[test]
    fn our_scripts_are_short() {
        for asset in ASSETS.iter().filter(|asset| asset.path.starts_with("js/")) {
            let lines = asset.content.lines().count();
            assert!(lines < 150, "{} has {lines} lines", asset.path);
        }
    }

    #[test]
    fn what_others_wrote_is_what_was_recorded() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/vendor");
        let recorded = std::fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
        let recorded: std::collections::BTreeMap<_, _> = recorded
            .lines()
            .map(|line| {
                line.split_once("  ")
                    .map(|(hash, path)| (path.to_owned(), hash.to_owned()))
                    .unwrap()
            })
            .collect();
        let mut found = std::collections::BTreeMap::new();
        let mut folders = vec![folder.clone()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.file_name() != Some("SHA256SUMS".as_ref()) {
                    let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
                    found.insert(name, hex::encode(Sha256::digest(std::fs::read(path).unwrap())));
                }
            }
        }
        assert_eq!(found, recorded);
        // Each library has its licence beside it.
        for library in ["htmx", "noble-curves", "noble-hashes", "socket.io"] {
            assert!(found.contains_key(&format!("{library}/LICENSE")), "{library}");
        }
        for asset in ASSETS.iter().filter_map(|asset| asset.path.strip_prefix("vendor/")) {
            assert!(found.contains_key(asset), "{asset}");
        }
    }
}
