//! Mails in the mailbox, in demo mode.

use axum::{body::Body, response::Response};
use contracts::refusal::Refusal;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use job_processor::Config;
use serde_json::Value;
use tonic::Code;
use tower::ServiceExt as _;

use crate::{Processor, databases, owner::GONE};

impl Processor {
    async fn get(&self, path: &str) -> Response {
        let request = Request::get(path).body(Body::empty()).unwrap();
        self.app.router.clone().oneshot(request).await.unwrap()
    }

    async fn text(&self, path: &str) -> String {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await).unwrap()
    }
}

fn in_demo() -> Config {
    Config { mailbox: true, ..Config::default() }
}

#[tokio::test]
async fn a_repeated_call_leaves_one_mail_that_can_be_found_and_read() {
    for db in databases().await {
        let processor = Processor::start(in_demo(), &db).with_owner();
        for _ in 0..2 {
            let done = processor.send(&["ada", "a_a", GONE]).await.unwrap();
            assert_eq!((done.sent, done.skipped), (2, 1), "{db}");
        }
        let done = processor.send(&["ada", "bob"]).await.unwrap();
        assert_eq!(done.sent, 2, "{db}");

        let all = processor.json("/dev/mail.json").await;
        assert_eq!(all["items"].as_array().unwrap().len(), 3, "{db}");
        assert_eq!(all["items"][0]["to"], "bob@Example.org", "the newest comes first: {db}");
        assert_eq!(all["next"], Value::Null);

        let found = processor.json("/dev/mail.json?to=ADA@example&template=winner").await;
        assert_eq!(found["items"].as_array().unwrap().len(), 1, "{db}");
        assert_eq!(found["items"][0]["mail_id"], "winner:ada");
        let literal = processor.json("/dev/mail.json?to=a_a").await;
        assert_eq!(literal["items"].as_array().unwrap().len(), 1, "no wildcard: {db}");
        let other = processor.json("/dev/mail.json?template=receipt").await;
        assert_eq!(other["items"], serde_json::json!([]));

        let id = found["items"][0]["id"].as_str().unwrap();
        let page = processor.text(&format!("/dev/mail/{id}")).await;
        let inline = page.replace(r#"<script type="module" src="/assets/"#, "");
        assert!(
            page.contains(r#"<a href="http://shop.example/c?t=ada">"#)
                && !inline.contains("<script"),
            "{page}"
        );
        let html = processor.get(&format!("/dev/mail/{id}/html")).await;
        let policy = html.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
        assert!(processor.text("/dev/mail?to=bob").await.contains("winner for bob"));
        assert_eq!(processor.get("/dev/mail/none").await.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap() {
    for db in databases().await {
        let processor = Processor::start(in_demo(), &db).with_owner();
        let people: Vec<String> = (0..7).map(|n| format!("p{n}")).collect();
        processor.send(&people.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
        let mut seen = Vec::new();
        let mut path = "/dev/mail.json?limit=3".to_owned();
        loop {
            let page = processor.json(&path).await;
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 3, "{db}");
            seen.extend(items.iter().map(|item| item["mail_id"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/dev/mail.json?limit=3&after={next}");
        }
        seen.sort();
        let expected: Vec<String> =
            people.iter().map(|person| format!("winner:{person}")).collect();
        assert_eq!(seen, expected, "{db}");
    }
}

#[tokio::test]
async fn outside_of_demo_mode_there_is_no_mailbox() {
    let db = testkit::sqlite::<job_processor::Migrator>().await;
    let processor = Processor::start(Config::default(), &db);
    for path in ["/dev/mail", "/dev/mail.json"] {
        assert_eq!(processor.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn bad_calls_are_refused_and_an_absent_owner_is_waited_for() {
    let db = testkit::sqlite::<job_processor::Migrator>().await;
    let processor = Processor::start(in_demo(), &db);
    let waiting = processor.send(&["ada"]).await.unwrap_err();
    assert_eq!((waiting.code(), Refusal::of(&waiting)), (Code::Unavailable, None));

    let processor = processor.with_owner();
    let twice = processor.send(&["ada", "ada"]).await.unwrap_err();
    assert_eq!(Refusal::of(&twice).unwrap().reason, "mail_id_repeated");
    let many = vec!["x"; 201];
    let many = processor.send(&many).await.unwrap_err();
    assert_eq!(Refusal::of(&many).unwrap().reason, "too_many_subjects");
    assert_eq!(processor.json("/dev/mail.json").await["items"], serde_json::json!([]));
}
