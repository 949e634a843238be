//! The documents of the APIs: as committed, complete, and served.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use http::{Method, StatusCode, header};
use serde_json::Value;
use testkit::{eventually, free_port};

/// A cold start of an unoptimised build beside other tests.
const PATIENCE: Duration = Duration::from_secs(60);

const APIS: [&str; 3] = ["giveaway", "giftcard", "calls"];

/// Writes the committed documents instead of comparing with them.
const UPDATE: &str = "HANDSEL_UPDATE_OPENAPI";

fn committed(api: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/openapi/{api}.json"))
}

fn said(api: &str) -> Vec<u8> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_handsel")).args(["openapi", api]).output().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[test]
fn the_committed_documents_are_those_of_the_code() {
    for api in APIS {
        let said = said(api);
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(committed(api), &said).unwrap();
        }
        let committed = std::fs::read(committed(api)).unwrap_or_default();
        assert!(
            said == committed,
            "docs/openapi/{api}.json is not what the code says; write it with: \
             handsel openapi {api} > docs/openapi/{api}.json"
        );
    }
}

#[test]
fn every_operation_is_told_in_words() {
    for api in APIS {
        let document: Value = serde_json::from_slice(&said(api)).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let tags: BTreeSet<&str> = document["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| tag["name"].as_str().unwrap())
            .collect();
        let mut ids = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let at = format!("{method} {path}");
                assert!(
                    ids.insert(operation["operationId"].as_str().unwrap()),
                    "{at}: the id is taken"
                );
                assert!(
                    operation["summary"].as_str().is_some_and(|it| !it.is_empty()),
                    "{at}: no summary"
                );
                assert!(
                    tags.contains(operation["tags"][0].as_str().unwrap()),
                    "{at}: its tag is unknown"
                );
                let is_said = !operation["security"].is_null() || !operation["x-who"].is_null();
                assert!(is_said, "{at}: who may?");
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    let what = answer["description"].as_str().unwrap_or_default();
                    assert!(!what.is_empty(), "{at}: {status} has no words");
                    if status.as_str() >= "400" {
                        let schema = &answer["content"]["application/problem+json"]["schema"];
                        let codes = schema["allOf"][1]["properties"]["code"]["enum"].as_array();
                        assert!(
                            codes.is_some_and(|codes| !codes.is_empty()),
                            "{at}: {status} has no code"
                        );
                    }
                }
            }
        }
    }
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test]
async fn what_is_served_is_what_is_documented() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let server = Command::new(env!("CARGO_BIN_EXE_handsel"))
        .args(["serve", "--data", "data", "--listen", &format!("127.0.0.1:{port}")])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _server = Server(server);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    eventually(PATIENCE, async || http.get(format!("{url}/livez")).send().await.is_ok()).await;
    for api in APIS {
        let at = format!("{url}/api/{api}/v1/openapi.json");
        let answer = http.get(&at).send().await.unwrap();
        let etag = answer.headers()[header::ETAG].clone();
        let document: Value = answer.json().await.unwrap();
        assert_eq!(document, serde_json::from_slice::<Value>(&said(api)).unwrap());
        let again = http.get(&at).header(header::IF_NONE_MATCH, etag).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);

        // Each method of each path is in the document, or there is no such method.
        for (path, item) in document["paths"].as_object().unwrap() {
            let path = path.replace(['{', '}'], "");
            for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let answer =
                    http.request(method.clone(), format!("{url}{path}")).send().await.unwrap();
                let is_there = answer.status() != StatusCode::METHOD_NOT_ALLOWED;
                let is_documented = !item[method.as_str().to_lowercase()].is_null();
                assert_eq!(is_there, is_documented, "{method} {path}: {}", answer.status());
            }
        }

        // The page tells each of them.
        let answer = http.get(format!("{url}/api/{api}")).send().await.unwrap();
        assert!(answer.headers()[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
        let page = answer.text().await.unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            assert!(page.contains(path.as_str()), "{path} is not on the page");
            for operation in item.as_object().unwrap().values() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(page.contains(&format!("id=\"{id}\"")), "{id} is not on the page");
            }
        }
        let index = http.get(format!("{url}/api")).send().await.unwrap().text().await.unwrap();
        assert!(index.contains(&format!("href=\"/api/{api}\"")));
    }
    assert_eq!(http.get(format!("{url}/api/nothing")).send().await.unwrap().status(), 404);
}

/// A route is made known to a router together with its documentation: no other way is used.
#[test]
fn no_route_goes_past_the_document() {
    for file in [
        "giveaway-api/src/http/mod.rs",
        "giftcard-api/src/http/mod.rs",
        "handsel/src/calls/http.rs",
    ] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(".routes(routes!("), "{}", file.display());
        assert!(!text.contains(".route("), "{}: a route without a document", file.display());
    }
}
