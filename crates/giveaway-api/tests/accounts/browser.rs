//! Somebody at a browser, who keeps cookies and sends forms as they are on the page.

use std::collections::BTreeMap;

use axum::{Router, body::Body};
use contracts::mail;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::house::{House, PASSWORD};

/// A browser.
#[derive(Clone)]
pub(crate) struct Browser {
    router: Router,
    /// Where it says that its forms come from.
    pub(crate) site: &'static str,
    cookies: BTreeMap<String, String>,
}

/// A page that it got.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Browser {
    pub(crate) fn at(house: &House) -> Self {
        let router = house.app.router.clone();
        Self { router, site: "same-origin", cookies: BTreeMap::new() }
    }

    /// One that is signed in with a new account of this address.
    pub(crate) async fn of(house: &House, email: &str) -> Self {
        let mut browser = Self::at(house);
        browser.register(email).await;
        let link = house.link(mail::VERIFY_ADDRESS).await;
        let done = browser.fill(&link, &[("password", PASSWORD)]).await;
        assert_eq!(done.leads_to(), "/home", "{done:?}");
        browser
    }

    pub(crate) async fn register(&mut self, email: &str) -> Page {
        let fields = [("name", "Ada’s"), ("email", email), ("password", PASSWORD)];
        let page = self.fill("/register", &fields).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        page
    }

    pub(crate) async fn sign_in(&mut self, email: &str, password: &str) -> Page {
        self.fill("/sign-in", &[("email", email), ("password", password)]).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.send(Request::builder().method(Method::GET).uri(path), String::new()).await
    }

    /// Sends a form with exactly these fields.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let form = "application/x-www-form-urlencoded";
        let request = Request::builder().method(Method::POST).uri(path);
        let request =
            request.header(header::CONTENT_TYPE, form).header("sec-fetch-site", self.site);
        let fields = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
        self.send(request, fields.collect::<Vec<_>>().join("&")).await
    }

    /// Loads a page, fills its first form and sends it, with the fields that nobody sees.
    pub(crate) async fn fill(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {page:?}");
        self.fill_in(&page, fields).await
    }

    /// Fills the first form of a page.
    pub(crate) async fn fill_in(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        let action = page.attribute("<form method=\"post\" action=\"");
        let hidden = page.hidden();
        let mut all: Vec<(&str, &str)> =
            hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.extend(fields);
        self.post(&action, &all).await
    }

    /// Sends a form of a page of this session by its action.
    pub(crate) async fn press(&mut self, on: &str, action: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = self.get(on).await.token();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields);
        self.post(action, &all).await
    }

    /// The session's cookie.
    pub(crate) fn cookie(&self) -> Option<&str> {
        self.cookies.get("handsel").map(String::as_str)
    }

    pub(crate) fn set_cookie(&mut self, value: &str) {
        self.cookies.insert("handsel".to_owned(), value.to_owned());
    }

    async fn send(&mut self, request: http::request::Builder, body: String) -> Page {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request
            .header(header::HOST, "127.0.0.1:5000")
            .header(header::COOKIE, cookies.join("; "))
            .body(Body::from(body));
        let response = self.router.clone().oneshot(request.unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Page { status: parts.status, headers: parts.headers, text }
    }
}

impl Page {
    /// Where it sends the browser.
    pub(crate) fn leads_to(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |place| place.to_str().unwrap())
    }

    /// The fields of the first form that nobody sees.
    fn hidden(&self) -> Vec<(String, String)> {
        let form = self.text.split("<form").nth(1).unwrap().split("</form>").next().unwrap();
        form.split("type=\"hidden\" name=\"")
            .skip(1)
            .map(|rest| {
                let (name, rest) = rest.split_once('"').unwrap();
                let value = rest.split("value=\"").nth(1).unwrap().split('"').next().unwrap();
                (name.to_owned(), value.replace("&#38;", "&"))
            })
            .collect()
    }

    /// What the forms of the session carry.
    pub(crate) fn token(&self) -> String {
        self.attribute("name=\"csrf\" value=\"")
    }

    /// What stands behind a text, up to the next quotation mark.
    pub(crate) fn attribute(&self, before: &str) -> String {
        let rest = self.text.split(before).nth(1);
        rest.unwrap_or_else(|| panic!("no {before} in {}", self.text))
            .split('"')
            .next()
            .unwrap()
            .to_owned()
    }

    /// What stands in the first element with this opening.
    pub(crate) fn between(&self, open: &str, close: &str) -> String {
        let rest = self.text.split(open).nth(1);
        let rest = rest.unwrap_or_else(|| panic!("no {open} in {}", self.text));
        rest.split(close).next().unwrap().to_owned()
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
