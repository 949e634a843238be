//! `handsel bench gateway`: what a connection costs and how long an event takes to all of them, beside the
//! usual server for Node.js in the same run.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, ExitCode, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::{args::GatewayArgs, part::Part, report::rounded};
use crate::out;

/// Connecting thousands takes its time on a small machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a crowd says at its end.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Heard {
    /// Connections that were open to the end.
    pub(super) connections: u64,
    /// Events that came, over all connections.
    pub(super) events: u64,
    /// From the moment that something happens until a connection has heard of it, microseconds.
    pub(super) p50_us: u64,
    /// The same for all but one in a hundred.
    pub(super) p99_us: u64,
    /// The longest.
    pub(super) max_us: u64,
    /// Resident memory of the server for each connection, bytes.
    pub(super) bytes_per_connection: u64,
}

/// One server.
#[derive(Debug, Serialize)]
struct Row {
    server: &'static str,
    kb_per_connection: f64,
    #[serde(flatten)]
    heard: Heard,
}

/// Measures and prints.
pub(super) async fn run(args: &GatewayArgs) -> anyhow::Result<ExitCode> {
    let every_ms = args.every_ms.to_string();
    let gateway = Part::start("gateway", &["--every-ms", &every_ms], &[]).await?;
    let mut rows = vec![measure("handsel", gateway.id(), &gateway.said, args).await?];
    drop(gateway);
    if let Some(script) = &args.node {
        let node = Node::start(script, &every_ms)?;
        rows.push(measure("node", node.child.id(), &node.said, args).await?);
    }
    if args.json {
        out::json(&serde_json::json!({ "gateway": rows }));
    } else {
        print(&rows, args);
    }
    let wanted = u64::from(args.connections);
    // All of them, but for one at either end of the time.
    let ticks = u64::from(args.seconds) * 1_000 / u64::from(args.every_ms);
    let events = wanted * ticks.saturating_sub(2);
    let is_sound =
        rows.iter().all(|row| row.heard.connections == wanted && row.heard.events >= events);
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(
    server: &'static str,
    id: u32,
    address: &str,
    args: &GatewayArgs,
) -> anyhow::Result<Row> {
    let (connections, seconds) = (args.connections.to_string(), args.seconds.to_string());
    let crowd = [
        ["--address", address],
        ["--connections", &connections],
        ["--seconds", &seconds],
        ["--server", &id.to_string()],
    ];
    let limit = PATIENCE + Duration::from_secs(args.seconds.into());
    let said = Part::done("crowd", crowd.as_flattened(), &[], limit).await?;
    let heard: Heard = serde_json::from_str(&said).context("the crowd says nothing")?;
    let kb = rounded(as_kb(heard.bytes_per_connection), 1);
    Ok(Row { server, kb_per_connection: kb, heard })
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn as_kb(bytes: u64) -> f64 {
    bytes as f64 / 1_000.0
}

fn print(rows: &[Row], args: &GatewayArgs) {
    out::line(format_args!(
        "{} connections in one room, an event every {} ms for {} s; server and crowd share this machine",
        args.connections, args.every_ms, args.seconds
    ));
    for Row { server, kb_per_connection, heard } in rows {
        let Heard { connections, events, p50_us, p99_us, max_us, .. } = heard;
        out::line(format_args!(
            "{server:<8} {kb_per_connection:>6.1} KB/connection   p50 {p50_us:>7} µs   p99 {p99_us:>7} µs   \
             max {max_us:>7} µs   {events} events to {connections} connections"
        ));
    }
    if let [ours, node] = rows {
        out::line(format_args!(
            "ratio    memory {:.2}   p50 {:.2}   p99 {:.2}   (ours / node)",
            ours.kb_per_connection / node.kb_per_connection,
            ratio(ours.heard.p50_us, node.heard.p50_us),
            ratio(ours.heard.p99_us, node.heard.p99_us),
        ));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other as f64
}

/// The server for Node.js. Dropping it ends it.
struct Node {
    child: Child,
    said: String,
}

impl Node {
    fn start(script: &std::path::Path, every_ms: &str) -> anyhow::Result<Self> {
        let mut child = Command::new("node")
            .arg(script)
            .arg(every_ms)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("--node: node cannot be started")?;
        let stdout = child.stdout.take().context("it has an output")?;
        let mut node = Self { child, said: String::new() };
        BufReader::new(stdout).read_line(&mut node.said)?;
        node.said.truncate(node.said.trim_end().len());
        anyhow::ensure!(
            !node.said.is_empty(),
            "--node: {} ended before it was ready; `npm ci` beside it installs what it needs",
            script.display()
        );
        Ok(node)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
