//! What the further processes of a bench do, each until its standard input closes.

use std::{
    io,
    net::Ipv4Addr,
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use durable_grpc::{Calls, Target, Worker};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tonic::transport::{Endpoint, Server, server::TcpIncoming};

use super::{args::Role, audit, crowd, echo, entries, part::let_go};
use crate::{
    out,
    stores::{Place, open_store},
};

/// The names under which a server that speaks the protocol is installed.
const REDIS_SERVERS: [&str; 2] = ["redis-server", "valkey-server"];
/// A server answers within milliseconds; a machine under load may need longer.
const REDIS_START_LIMIT: Duration = Duration::from_secs(10);
/// How often it is asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// A port that was free may be taken before the server has it.
const PORT_TRIES: usize = 5;

/// Plays a role.
pub(super) async fn play(role: Role) -> anyhow::Result<ExitCode> {
    match role {
        Role::Callee => callee().await?,
        Role::Worker { redis_url, callee } => worker(redis_url, callee).await?,
        Role::OpenGiveaway { data, postgres } => entries::serve(data, postgres).await?,
        Role::Gateway { every_ms } => crowd::gateway(Duration::from_millis(every_ms)).await?,
        Role::Crowd { address, connections, seconds, server } => {
            let time = Duration::from_secs(seconds);
            unless_let_go(crowd::crowd(&address, connections, time, server)).await?;
        }
        Role::Redis { dir } => redis(&dir).await?,
        Role::Tale { data, postgres } => unless_let_go(audit::tell(data, postgres)).await?,
        Role::Audit { data, postgres } => unless_let_go(audit::audit(data, postgres)).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Something that ends by itself, and with whoever wanted it.
async fn unless_let_go(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::select! {
        done = work => done,
        () = let_go() => anyhow::bail!("stopped before the end"),
    }
}

/// Says its URL, and echoes.
async fn callee() -> anyhow::Result<()> {
    let incoming = TcpIncoming::bind((Ipv4Addr::LOCALHOST, 0).into())
        .context("there is no free port")?
        .with_nodelay(Some(true));
    out::line(format_args!("http://{}", incoming.local_addr()?));
    let server = Server::builder().add_routes(echo::routes());
    server.serve_with_incoming_shutdown(incoming, let_go()).await?;
    Ok(())
}

/// Executes calls at the callee.
async fn worker(redis_url: String, callee: String) -> anyhow::Result<()> {
    let store = open_store(&Place::Redis(redis_url)).await?;
    let calls = Calls::builder_shared(store).descriptors(echo::DESCRIPTORS).build()?;
    let target = Target::remote([Endpoint::from_shared(callee).context("--callee")?]);
    let worker = Worker::builder(&calls).lane(echo::LANE, target).spawn();
    out::line("ready");
    let_go().await;
    worker.shutdown().await;
    Ok(())
}

/// Says the URL of a server that keeps its files in this folder.
async fn redis(dir: &Path) -> anyhow::Result<()> {
    for _ in 0..PORT_TRIES {
        let port = free_port().await?;
        let mut server = start_redis(dir, port)?;
        if answers(port, &mut server).await? {
            out::line(format_args!("redis://127.0.0.1:{port}"));
            let_go().await;
            return Ok(());
        }
    }
    anyhow::bail!("Redis did not start on any of {PORT_TRIES} ports that were free")
}

/// A server that is killed when it is let go of. Its files are of no use to anybody then.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn start_redis(dir: &Path, port: u16) -> anyhow::Result<Running> {
    for program in REDIS_SERVERS {
        let started = Command::new(program)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"])
            .arg("--dir")
            .arg(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        match started {
            Ok(child) => return Ok(Running(child)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("{program} cannot be started"));
            }
        }
    }
    anyhow::bail!(
        "--store redis needs a server to measure, and neither {} is installed. Install one, for \
         example with `sudo apt-get install redis-server`, or name a running one with --redis-url",
        REDIS_SERVERS.join(" nor ")
    )
}

async fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    Ok(listener.local_addr()?.port())
}

/// Whether the server answers, before it ends and within the limit.
async fn answers(port: u16, server: &mut Running) -> anyhow::Result<bool> {
    let patience = Instant::now() + REDIS_START_LIMIT;
    while Instant::now() < patience && server.0.try_wait()?.is_none() {
        if ping(port).await.is_ok_and(|answer| answer == *b"+PONG\r\n") {
            return Ok(true);
        }
        sleep(ASK_EVERY).await;
    }
    Ok(false)
}

async fn ping(port: u16) -> io::Result<[u8; 7]> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    connection.write_all(b"PING\r\n").await?;
    let mut answer = [0; 7];
    connection.read_exact(&mut answer).await?;
    Ok(answer)
}
