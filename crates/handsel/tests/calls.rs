//! `handsel calls`: through a running server, and in the file that nobody has open.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    convert::Infallible,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use durable_grpc::{CallId, Calls, RawCall, SqliteStore, Target, Worker, store::CallState};
use serde_json::Value;
use tonic::{Status, body::Body};

/// A cold start of an unoptimised build beside other tests.
const LIMIT: Duration = Duration::from_secs(60);

/// What calls carry here. It must never be shown.
const CARRIED: &str = "winner@example.org";

fn handsel(data: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handsel"));
    command.args(args).args(["--data", "data"]).current_dir(data);
    command
}

/// Runs the command, and holds it to never showing what a call carries.
fn calls(dir: &Path, args: &[&str]) -> Output {
    let output = handsel(dir, &[&["calls"], args].concat()).output().unwrap();
    let said = [&*output.stdout, &*output.stderr].concat();
    assert!(!String::from_utf8_lossy(&said).contains(CARRIED), "{args:?}");
    output
}

fn json(dir: &Path, args: &[&str]) -> Value {
    let output = calls(dir, &[args, &["--json"]].concat());
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Makes dead letters in the queue of a data folder: detached calls that were refused.
async fn dead_letters(dir: &Path, lanes: &[&str]) -> Vec<CallId> {
    let data = dir.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let file = data.join("calls.db");
    let store = SqliteStore::open(&file).unwrap();
    let calls = Calls::builder(store).build().unwrap();
    let refuse = tower::service_fn(async |_: http::Request<Body>| {
        Ok::<_, Infallible>(Status::failed_precondition("the escrow is spent").into_http::<Body>())
    });
    let mut ids = Vec::new();
    for lane in lanes {
        let call = RawCall::new(*lane, contracts::method::ISSUE_CARD, CARRIED.as_bytes());
        ids.push(calls.submit_raw(call).await.unwrap());
    }
    let mut worker = Worker::builder(&calls);
    for lane in lanes {
        worker = worker.lane(lane, Target::in_process(refuse));
    }
    let worker = worker.spawn();
    for id in &ids {
        testkit::eventually(LIMIT, async || {
            let state = calls.lookup(*id).await.unwrap().map(|call| call.state);
            matches!(state, Some(CallState::Ended(_)))
        })
        .await;
    }
    worker.shutdown().await;
    drop(calls);
    // Whoever last held the queue closes the file, which may be a task that is just ending.
    testkit::eventually(LIMIT, async || SqliteStore::open(&file).is_ok()).await;
    ids
}

struct Server {
    child: Child,
    url: String,
    http: reqwest::Client,
}

impl Server {
    async fn start(dir: &Path) -> Self {
        let port = testkit::free_port();
        let child = handsel(dir, &["serve", "--listen", &format!("0.0.0.0:{port}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let server = Self { child, url, http };
        let ready = async || server.http.get(format!("{}/readyz", server.url)).send().await.is_ok();
        testkit::eventually(LIMIT, ready).await;
        let file = dir.join("data/server-address");
        testkit::eventually(LIMIT, async || file.exists()).await;
        server
    }

    async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        let request = self.http.get(format!("{}/api/calls/v1{path}", self.url)).bearer_auth(token);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What an operator does, whichever way the command takes.
fn look_and_repair(dir: &Path, ids: &[CallId], is_running: bool) {
    let [first, second, third] = ids else { panic!("three were made") };
    let listed = json(dir, &["list", "--limit", "2"]);
    let id_of = |call: &Value| call["id"].as_str().unwrap().to_owned();
    let page: Vec<_> = listed["items"].as_array().unwrap().iter().map(id_of).collect();
    assert_eq!(page, [first.to_string(), second.to_string()]);
    let rest = json(dir, &["list", "--after", listed["next"].as_str().unwrap()]);
    assert_eq!((id_of(&rest["items"][0]), &rest["next"]), (third.to_string(), &Value::Null));
    let of_lane = json(dir, &["list", "--lane", "archive"]);
    assert_eq!(of_lane["items"].as_array().unwrap().len(), 2);

    let shown = json(dir, &["show", &second.to_string()]);
    assert_eq!((&shown["state"], &shown["attempts"]), (&"dead".into(), &1.into()));
    assert_eq!(shown["refusal"]["message"], "the escrow is spent");
    assert_eq!(shown["payload_bytes"], CARRIED.len());
    assert_eq!(shown["payload_sha256"].as_str().unwrap().len(), 64);
    let told = stdout(&calls(dir, &["show", &second.to_string()]));
    assert!(told.contains("FailedPrecondition: the escrow is spent"), "{told}");

    let stats = json(dir, &["stats"]);
    let lane = |name: &str| stats.as_array().unwrap().iter().find(|lane| lane["lane"] == name);
    assert_eq!(lane("archive").unwrap()["dead"], 2, "{stats}");

    let unsure = calls(dir, &["discard", &first.to_string()]);
    assert_eq!(unsure.status.code(), Some(2));
    assert!(stderr(&unsure).contains("--yes"), "{}", stderr(&unsure));
    let discarded = calls(dir, &["discard", &first.to_string(), "--yes"]);
    assert!(discarded.status.success(), "{}", stderr(&discarded));
    let again = calls(dir, &["replay", &first.to_string()]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("has ended as discarded"), "{}", stderr(&again));

    let replayed = calls(dir, &["replay", &third.to_string()]);
    assert!(replayed.status.success(), "{}", stderr(&replayed));
    assert_eq!(stdout(&replayed).contains("at the next start"), !is_running);
    let left = json(dir, &["list"]);
    assert_eq!(left["items"].as_array().unwrap().len(), 1, "{left}");

    let unknown = calls(dir, &["show", &CallId::generate().to_string()]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("is not known"), "{}", stderr(&unknown));
}

#[tokio::test]
async fn dead_letters_are_looked_after_in_the_file_when_no_server_runs() {
    let dir = tempfile::tempdir().unwrap();
    let ids = dead_letters(dir.path(), &["giftcard", "archive", "archive"]).await;
    look_and_repair(dir.path(), &ids, false);
}

#[tokio::test]
async fn dead_letters_are_looked_after_through_the_running_server() {
    let dir = tempfile::tempdir().unwrap();
    let ids = dead_letters(dir.path(), &["giftcard", "archive", "archive"]).await;
    let server = Server::start(dir.path()).await;
    look_and_repair(dir.path(), &ids, true);
    drop(server);
}

#[tokio::test]
async fn the_endpoints_are_the_administrators() {
    let dir = tempfile::tempdir().unwrap();
    let ids = dead_letters(dir.path(), &["archive"]).await;
    let server = Server::start(dir.path()).await;
    let token = std::fs::read_to_string(dir.path().join("data/admin-token")).unwrap();
    let token = token.trim_end();
    let call = format!("/calls/{}", ids[0]);
    for path in ["/lanes", "/dead-letters", call.as_str()] {
        let (status, problem) = server.get(path, "hs_test_wrong").await;
        assert_eq!((status, &problem["code"]), (401, &"unauthorized".into()), "{path}");
        assert_eq!(server.get(path, token).await.0, 200, "{path}");
    }
    let check = async |path: &str, status: u16, code: &str| {
        let answer = server.get(path, token).await;
        assert_eq!((answer.0, &answer.1["code"]), (status, &code.into()), "{path}");
    };
    check("/dead-letters?limit=101", 422, "invalid_input").await;
    check("/dead-letters?after=x", 422, "invalid_input").await;
    check("/dead-letters?order=x", 422, "invalid_input").await;
    check("/calls/x", 404, "not_found").await;
}

#[test]
fn a_folder_without_a_queue_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let output = calls(dir.path(), &["list"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--data"), "{}", stderr(&output));
    assert!(!dir.path().join("data").exists(), "looking makes nothing");
    let bad = calls(dir.path(), &["show", "x"]);
    assert!(stderr(&bad).contains("call id"), "{}", stderr(&bad));
}
