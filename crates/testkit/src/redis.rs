//! A Redis server of a test's own.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{free_port, poll::eventually};

/// A port that was free may be taken by somebody else before the server binds it.
const TRIES: u32 = 5;

/// A start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that keeps what it has accepted. It is killed, and its folder removed, with this value.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl RedisServer {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// When the program `redis-server` is missing or does not start.
    pub async fn start() -> Self {
        for _ in 0..TRIES {
            let folder = tempfile::tempdir().expect("no temporary folder");
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
            let mut server = Self { child: spawn(address, &folder), address, folder };
            if server.has_started().await {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Starts it again with what it had accepted, at the same address.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        self.child = spawn(self.address, &self.folder);
        assert!(self.has_started().await, "redis-server does not start again");
    }

    async fn has_started(&mut self) -> bool {
        let (child, address) = (&mut self.child, self.address);
        let look = async || match child.try_wait() {
            Ok(None) => answers(address).then_some(true),
            _ => Some(false),
        };
        eventually(PATIENCE, look).await
    }

    /// How it is reached.
    pub fn url(&self) -> String {
        format!("redis://{}/0", self.address)
    }
}

fn spawn(address: SocketAddr, folder: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "yes", "--appendfsync", "always"])
        .args(["--maxmemory-policy", "noeviction", "--dir"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server cannot be started; install it, as with: apt-get install redis-server")
}

fn answers(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut reply = String::new();
        BufReader::new(stream).read_line(&mut reply)?;
        std::io::Result::Ok(reply.starts_with("+PONG"))
    };
    ask().unwrap_or(false)
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
