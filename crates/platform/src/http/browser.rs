//! What browsers say about a request: cookies, and whose page has sent it.

use http::{HeaderMap, header};

/// Whose page has sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// One of ours; or no page at all, but a person or a program.
    Ours,
    /// One that keeps its origin to itself, as pages do that send no referrer.
    Unnamed,
    /// One of another site.
    Foreign,
}

/// Whose page has sent a request (Fetch Metadata, and the `Origin` header of older browsers). Cookies are kept
/// from other sites by `SameSite`; this is the second defence. `public_url` is what a proxy in front of us is
/// reached by, if it is known.
pub fn sender(headers: &HeaderMap, public_url: Option<&str>) -> Sender {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match (text("sec-fetch-site"), text("origin")) {
        (Some("same-origin" | "none"), _) | (None, None) => Sender::Ours,
        (Some(_), _) => Sender::Foreign,
        (None, Some("null")) => Sender::Unnamed,
        (None, Some(origin)) => {
            let host = text("host").unwrap_or_default();
            let is_host = origin.split_once("://").is_some_and(|(_, of)| of == host);
            if is_host || public_url == Some(origin) { Sender::Ours } else { Sender::Foreign }
        }
    }
}

/// The value of a cookie; none if it is empty.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(given, value)| *given == name && !value.is_empty())
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn pages_of_other_sites_are_known() {
        fn check(given: &[(&'static str, &'static str)], expected: Sender) {
            let public_url = Some("https://gifts.example.org");
            assert_eq!(sender(&headers(given), public_url), expected, "{given:?}");
        }
        check(&[], Sender::Ours);
        check(&[("sec-fetch-site", "same-origin")], Sender::Ours);
        check(&[("sec-fetch-site", "none")], Sender::Ours);
        check(&[("sec-fetch-site", "same-site")], Sender::Foreign);
        check(&[("sec-fetch-site", "cross-site")], Sender::Foreign);
        let other = ("origin", "https://other.example");
        check(&[("sec-fetch-site", "same-origin"), other], Sender::Ours);
        check(&[("host", "gifts.example.org"), other], Sender::Foreign);
        check(&[("host", "localhost:5000"), ("origin", "http://localhost:5000")], Sender::Ours);
        check(&[("host", "localhost"), ("origin", "http://localhost:5000")], Sender::Foreign);
        check(&[("host", "inside"), ("origin", "https://gifts.example.org")], Sender::Ours);
        check(&[("origin", "localhost:5000"), ("host", "localhost:5000")], Sender::Foreign);
        check(&[("origin", "null")], Sender::Unnamed);
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let headers = headers(&[("cookie", "a=1; handsel=x=y;b=; handsel=second")]);
        assert_eq!(cookie(&headers, "a"), Some("1"));
        assert_eq!(cookie(&headers, "handsel"), Some("x=y"));
        assert_eq!(cookie(&headers, "b"), None);
        assert_eq!(cookie(&headers, "hands"), None);
    }
}
