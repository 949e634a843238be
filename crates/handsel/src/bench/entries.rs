//! `handsel bench entries`: people who enter over HTTP, each answered once the entry is committed.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use futures::future::join_all;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use super::{
    args::EntriesArgs,
    audit::POSTGRES_URL_ENV,
    database::OwnDatabase,
    part::{Part, let_go},
    report::rounded,
};
use crate::{
    demo::{self, Open},
    out,
};

/// Connects, fills caches and lets code settle. Nothing of it is counted.
const WARM_UP: Duration = Duration::from_secs(2);

/// The longest that an answer may take to be counted right: a minute in microseconds.
const LONGEST_US: u64 = 60_000_000;

/// One set-up.
#[derive(Debug, Serialize)]
struct Row {
    setup: &'static str,
    per_s: f64,
    p50_us: u64,
    p99_us: u64,
    max_us: u64,
    entries: u64,
    errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_error: Option<String>,
}

/// What the part says that serves: where people enter.
#[derive(Debug, Serialize, Deserialize)]
struct Serves {
    giveaway: String,
    urls: Vec<String>,
}

/// Measures and prints.
pub(super) async fn run(args: &EntriesArgs) -> anyhow::Result<ExitCode> {
    let folder = match &args.dir {
        Some(dir) => TempDir::with_prefix_in("handsel-bench-", dir),
        None => TempDir::with_prefix("handsel-bench-"),
    }
    .context("--dir: no folder can be made there")?;
    let mut rows = Vec::new();
    if let Some(file) = &args.fleet {
        let opened = demo::open(Some(file), None, folder.path().join("fleet")).await?;
        let serves = Serves { giveaway: opened.giveaway.clone(), urls: opened.urls.clone() };
        rows.push(measure("fleet", &serves, args).await?);
        opened.close().await;
    } else {
        rows.push(own("sqlite", folder.path().join("sqlite"), None, args).await?);
        if let Some(url) = &args.postgres {
            let database = OwnDatabase::make(url).await?;
            let data = folder.path().join("postgres");
            let measured = own("postgres", data, Some(&database.url), args).await;
            database.remove().await?;
            rows.push(measured?);
        }
    }
    let is_sound = rows.iter().all(|row| row.errors == 0 && row.entries > 0);
    if args.json {
        out::json(&serde_json::json!({ "entries": rows }));
    } else {
        print(&rows, args);
    }
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(rows: &[Row], args: &EntriesArgs) {
    out::line(format_args!(
        "{} people at a time for {} s, each a new one; server, database and load share this machine",
        args.in_flight, args.seconds
    ));
    for Row { setup, per_s, p50_us, p99_us, max_us, errors, first_error, .. } in rows {
        out::line(format_args!(
            "{setup:<9} {per_s:>8.0} entries/s   p50 {p50_us:>6} µs   p99 {p99_us:>6} µs   max {max_us:>7} µs   \
             {errors} errors"
        ));
        if let Some(error) = first_error {
            out::line(format_args!("  the first error: {error}"));
        }
    }
}

/// A server of its own, in a process of its own.
async fn own(
    setup: &'static str,
    data: PathBuf,
    postgres: Option<&str>,
    args: &EntriesArgs,
) -> anyhow::Result<Row> {
    let data = data.to_str().context("--dir: the folder's name is not UTF-8")?;
    let settings: Vec<_> = postgres.map(|url| (POSTGRES_URL_ENV, url)).into_iter().collect();
    let server = Part::start("open-giveaway", &["--data", data], &settings).await?;
    measure(setup, &serde_json::from_str(&server.said)?, args).await
}

/// The part that serves: says where people enter.
pub(super) async fn serve(data: PathBuf, postgres: Option<String>) -> anyhow::Result<()> {
    let opened = demo::open(None, postgres, data).await?;
    let Open { giveaway, urls, .. } = &opened;
    out::json_line(&Serves { giveaway: giveaway.clone(), urls: urls.clone() });
    let_go().await;
    opened.close().await;
    Ok(())
}

async fn measure(setup: &'static str, serves: &Serves, args: &EntriesArgs) -> anyhow::Result<Row> {
    let people = AtomicU64::new(0);
    load(serves, args.in_flight, WARM_UP, &people).await?;
    let time = Duration::from_secs(args.seconds.into());
    let began = Instant::now();
    let loaded = load(serves, args.in_flight, time, &people).await?;
    let took = began.elapsed().as_secs_f64();
    let Loaded { latencies, errors, first_error } = loaded;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let per_s = rounded(latencies.len() as f64 / took, 1);
    Ok(Row {
        setup,
        per_s,
        p50_us: latencies.value_at_quantile(0.5),
        p99_us: latencies.value_at_quantile(0.99),
        max_us: latencies.max(),
        entries: latencies.len(),
        errors,
        first_error,
    })
}

struct Loaded {
    latencies: Histogram<u64>,
    errors: u64,
    first_error: Option<String>,
}

/// So many connections, over each of which people enter one after the other.
async fn load(
    serves: &Serves,
    in_flight: u32,
    time: Duration,
    people: &AtomicU64,
) -> anyhow::Result<Loaded> {
    let until = Instant::now() + time;
    let one = |n: u32| enter_until(serves, n, until, people);
    let mut all = Loaded {
        latencies: Histogram::new_with_bounds(1, LONGEST_US, 3)?,
        errors: 0,
        first_error: None,
    };
    for one in join_all((0..in_flight).map(one)).await {
        let one = one?;
        all.latencies.add(&one.latencies)?;
        all.errors += one.errors;
        all.first_error = all.first_error.or(one.first_error);
    }
    Ok(all)
}

async fn enter_until(
    serves: &Serves,
    n: u32,
    until: Instant,
    people: &AtomicU64,
) -> anyhow::Result<Loaded> {
    let url = &serves.urls[n as usize % serves.urls.len()];
    let address = url.strip_prefix("http://").context("only http is measured")?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut connection = BufReader::new(stream);
    let mut loaded = Loaded {
        latencies: Histogram::new_with_bounds(1, LONGEST_US, 3)?,
        errors: 0,
        first_error: None,
    };
    while Instant::now() < until {
        let person = people.fetch_add(1, Ordering::Relaxed);
        let request = request(&serves.giveaway, address, person);
        let began = Instant::now();
        connection.get_mut().write_all(request.as_bytes()).await?;
        let (status, body) = answer(&mut connection).await?;
        let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(LONGEST_US);
        if status == 202 {
            loaded.latencies.record(took.clamp(1, LONGEST_US))?;
        } else {
            loaded.errors += 1;
            loaded.first_error.get_or_insert_with(|| format!("{status} {body}"));
        }
    }
    Ok(loaded)
}

/// Somebody who has not entered yet.
fn request(giveaway: &str, host: &str, person: u64) -> String {
    let body = format!(
        "{{\"email\":\"person{person}@example.org\",\"name\":\"Person {person}\",\"country\":\"DE\",\
         \"birth_year\":1990}}"
    );
    format!(
        "POST /api/giveaway/v1/giveaways/{giveaway}/entries HTTP/1.1\r\nHost: {host}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads an answer whose length is given, as all of ours is.
async fn answer(connection: &mut BufReader<TcpStream>) -> anyhow::Result<(u16, String)> {
    let (mut line, mut status, mut length) = (String::new(), 0, 0);
    loop {
        line.clear();
        anyhow::ensure!(connection.read_line(&mut line).await? > 0, "the connection is closed");
        let head = line.trim_end();
        if head.is_empty() {
            break;
        }
        if let Some(rest) = head.strip_prefix("HTTP/1.1 ") {
            status = rest.split(' ').next().unwrap_or_default().parse()?;
        } else if let Some((name, value)) = head.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
