//! A private Redis server in a story's folder, on a port that was free.

use std::{
    env,
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::eventually::within;

/// How long a server may take to read its file and listen.
const READY_IN: Duration = Duration::from_secs(10);
/// Ports that were free a moment ago may be taken: so often another one is tried.
const PORTS: usize = 5;

/// A running server. It is killed when it is dropped.
pub(crate) struct RedisServer {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// Whether there is a server to be started. Without one a quick run says that it skips, and every
/// other run fails.
pub(crate) fn is_there(test: &str) -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&paths).any(|folder| folder.join("redis-server").is_file()) {
        return true;
    }
    assert!(
        env::var_os("HANDSEL_TEST_QUICK").is_some(),
        "redis-server is missing, and {test} needs it. Install it, for example with: sudo apt-get \
         install redis-server (or set HANDSEL_TEST_QUICK=1 to go without)"
    );
    println!("{test}: skipped, because redis-server is missing and HANDSEL_TEST_QUICK is set");
    false
}

impl RedisServer {
    /// Starts a server that keeps its data in the folder. Nothing that it has accepted may be lost.
    pub(crate) async fn start(folder: &Path) -> Self {
        let data = folder.join("redis");
        std::fs::create_dir_all(&data).unwrap();
        for _ in 0..PORTS {
            let mut server = Self::spawn(&data, free_port());
            let ready = within(READY_IN, async || match server.child.try_wait().unwrap() {
                Some(_) => Some(false),
                None => server.answers().then_some(true),
            });
            if ready.await == Some(true) {
                return server;
            }
        }
        panic!("redis-server does not start; its log is {}", log(&data).display());
    }

    fn spawn(data: &Path, port: u16) -> Self {
        let log = File::options().create(true).append(true).open(log(data)).unwrap();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .args(["--maxmemory-policy", "noeviction", "--dir"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the wait until the server has put its house in order.
    pub(crate) async fn stop(mut self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s TERM \"$0\"", &pid]).status();
        assert!(sent.unwrap().success());
        let ended = within(READY_IN, async || self.child.try_wait().unwrap()).await;
        assert!(ended.is_some(), "redis-server does not stop");
    }

    /// Whether the server has read its file and takes commands.
    fn answers(&self) -> bool {
        let ask = || {
            let mut stream = TcpStream::connect(self.address)?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            stream.write_all(b"PING\r\n")?;
            let mut reply = String::new();
            BufReader::new(stream).read_line(&mut reply)?;
            std::io::Result::Ok(reply.starts_with("+PONG"))
        };
        ask().unwrap_or(false)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have ended; then there is nothing to kill.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn log(data: &Path) -> PathBuf {
    data.join("redis.log")
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
