//! `handsel bench`, as processes: what it prints, and that nothing stays behind.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

/// A cold start of an unoptimised build beside other tests.
const LIMIT: Duration = Duration::from_secs(60);

fn handsel(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handsel"));
    command.args(args);
    command
}

/// Runs a short bench with its files in a folder of its own, which is empty when it has ended.
fn measure(args: &[&str]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let short = ["bench", "calls", "--seconds", "1", "--in-flight", "4", "--json", "--dir"];
    let output = handsel(&short).arg(dir.path()).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        output.stderr.is_empty(),
        "nobody watches: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "files stay behind");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_figures(figures: &Value) {
    assert_eq!(figures["errors"], 0, "{figures}");
    assert!(figures["per_s"].as_f64().unwrap() > 0.0, "{figures}");
    let percentile = |name: &str| figures[name].as_u64().unwrap();
    assert!(percentile("p50_us") > 0 && percentile("p50_us") <= percentile("p99_us"), "{figures}");
}

fn measured(args: &[&str]) -> Value {
    let output = handsel(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn people_enter_and_each_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let args =
        ["bench", "entries", "--seconds", "1", "--in-flight", "4", "--json", "--dir", folder];
    let report = measured(&args);
    let sqlite = &report["entries"][0];
    assert_eq!(sqlite["setup"], "sqlite");
    assert_figures(sqlite);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "files stay behind");
}

#[test]
fn a_crowd_at_the_gateway_hears_of_everything() {
    let args = ["bench", "gateway", "--connections", "20", "--seconds", "2", "--every-ms", "100"];
    let report = measured(&[args.as_slice(), &["--json"]].concat());
    let ours = &report["gateway"][0];
    assert_eq!((&ours["server"], &ours["connections"]), (&"handsel".into(), &20.into()));
    assert!(ours["events"].as_u64().unwrap() >= 20 * 18, "{ours}");
    assert!(ours["p99_us"].as_u64().unwrap() >= ours["p50_us"].as_u64().unwrap(), "{ours}");
}

#[test]
fn a_bench_says_what_was_run_and_what_came_of_it() {
    let durable = measure(&["--payload", "1000"]);
    assert_figures(&durable);
    assert_eq!((&durable["what"], &durable["store"]), (&"durable".into(), &"sqlite".into()));
    assert_eq!((&durable["in_flight"], &durable["payload_bytes"]), (&4.into(), &1000.into()));
    assert!(durable["durability"].as_str().unwrap().contains("FULL"), "{durable}");
    let in_process = measure(&["--callee", "in-process"]);
    assert_figures(&in_process);
    assert_eq!(in_process["callee"], "in-process");
    let direct = measure(&["--direct"]);
    assert_figures(&direct);
    assert_eq!((&direct["what"], &direct["store"]), (&"direct".into(), &Value::Null));
}

#[test]
fn a_comparison_is_a_ratio_of_one_run() {
    let compared = measure(&["--compare"]);
    assert_figures(&compared["durable"]);
    assert_figures(&compared["direct"]);
    let ratio = compared["ratio"].as_f64().unwrap();
    assert!(ratio > 0.0, "{compared}");
    let rounds = compared["ratios"].as_array().unwrap();
    assert!(
        rounds.len() > 1 && rounds.iter().all(|ratio| ratio.as_f64() > Some(0.0)),
        "{compared}"
    );
}

#[test]
fn transfers_are_measured_beside_a_loop_without_books() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = handsel(&["bench", "money", "--seconds", "1", "--clients", "4", "--json"]);
    if let Ok(url) = std::env::var(testkit::POSTGRES_ENV) {
        command.env("HANDSEL_BENCH_POSTGRES", url);
    }
    let output = command.arg("--dir").arg(dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = told["money"].as_array().unwrap();
    for row in rows {
        assert_eq!(row["errors"], 0, "{row}");
        for figure in ["transfers_per_s", "bare_per_s", "ratio"] {
            assert!(row[figure].as_f64() > Some(0.0), "{row}");
        }
    }
    let patterns: Vec<_> = rows.iter().map(|row| row["pattern"].as_str().unwrap()).collect();
    assert!(patterns.starts_with(&["hot", "spread"]), "{patterns:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "files stay behind");
}

#[test]
fn an_audit_is_measured_on_books_of_many_stories() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = handsel(&["bench", "audit", "--entries", "1000", "--json"]);
    if let Ok(url) = std::env::var(testkit::POSTGRES_ENV) {
        command.env("HANDSEL_BENCH_POSTGRES", url);
    }
    let output = command.arg("--dir").arg(dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = told["audit"].as_array().unwrap();
    assert_eq!(rows[0]["engine"], "sqlite");
    for row in rows {
        assert_eq!(row["audit"], "clean", "{row}");
        assert!(
            row["entries"].as_u64() >= Some(1000) && row["rows"].as_u64() > Some(1000),
            "{row}"
        );
        assert!(row["seconds"].as_f64() > Some(0.0), "{row}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "files stay behind");
}

#[test]
fn what_does_not_go_together_is_refused() {
    fn check(args: &[&str], named: &str) {
        let output = handsel(&["bench", "calls"]).args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(named), "{args:?}: {said}");
    }
    check(&["--direct", "--callee", "in-process"], "--direct");
    check(&["--redis-url", "redis://127.0.0.1:1"], "--store redis");
    check(&["--direct", "--compare"], "--compare");
    check(&["--in-flight", "0"], "--in-flight");
    check(&["--dir", "/nonexistent"], "--dir");
}

#[test]
fn a_part_ends_when_it_is_let_go() {
    let mut callee = handsel(&["bench", "part", "callee"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(callee.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.starts_with("http://127.0.0.1:"), "{said}");
    drop(callee.stdin.take());
    assert!(callee.wait().unwrap().success());
}

#[tokio::test]
async fn nothing_stays_behind_when_a_bench_is_stopped() {
    for signal in ["-INT", "-TERM"] {
        let dir = tempfile::tempdir().unwrap();
        let (mut bench, part) = under_way(dir.path()).await;
        assert!(
            Command::new("kill")
                .args([signal, &bench.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        let status = testkit::eventually(LIMIT, async || bench.try_wait().unwrap()).await;
        assert_eq!(status.code(), Some(2), "{signal}");
        assert!(!is_alive(part), "{signal}: the callee runs on");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{signal}: files stay behind");
    }
}

#[tokio::test]
async fn no_process_stays_behind_when_a_bench_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut bench, part) = under_way(dir.path()).await;
    bench.kill().unwrap();
    bench.wait().unwrap();
    testkit::eventually(LIMIT, async || !is_alive(part)).await;
}

/// A bench that has started its callee, and the callee's process id.
async fn under_way(dir: &Path) -> (Child, u32) {
    let bench = handsel(&["bench", "calls", "--seconds", "600", "--dir"])
        .arg(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let id = bench.id();
    let part = testkit::eventually(LIMIT, async || children(id).first().copied()).await;
    // From here on there is a file to be removed, too.
    let has_file = || {
        let folder = fs::read_dir(dir).unwrap().flatten().next()?;
        folder.path().join("calls.db").exists().then_some(())
    };
    testkit::eventually(LIMIT, async || has_file()).await;
    (bench, part)
}

/// The processes that this one has started.
fn children(parent: u32) -> Vec<u32> {
    let ids = fs::read_dir("/proc").unwrap().flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| parent_and_state(*id).is_some_and(|(of, _)| of == parent)).collect()
}

fn is_alive(id: u32) -> bool {
    parent_and_state(id).is_some_and(|(_, state)| state != 'Z')
}

/// From `/proc/<id>/stat`: `id (name) state parent …`.
fn parent_and_state(id: u32) -> Option<(u32, char)> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, state))
}
