//! Private Redis servers for one test.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a server may take to answer, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many nodes the smallest cluster has.
const NODES: usize = 3;
/// How far a node's cluster port is from its own.
const BUS_OFFSET: u16 = 10_000;

/// A server without a port: it listens at a socket in its own folder, so that no other process can
/// be in its way.
pub(crate) struct RedisServer {
    folder: tempfile::TempDir,
    process: Child,
    options: Vec<String>,
}

impl RedisServer {
    /// A server that keeps what it is told, with further options if need be.
    pub(crate) fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut all = vec!["--port", "0", "--unixsocket", "socket", "--save", ""];
        all.extend(["--appendonly", "yes", "--appendfsync", "everysec"]);
        all.extend(options);
        let options: Vec<_> = all.into_iter().map(str::to_owned).collect();
        let process = spawn(folder.path(), &options);
        let server = Self { folder, process, options };
        server.connection();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.path().join("socket").display())
    }

    /// Ends the server as a crash would.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again on what it had written.
    pub(crate) fn start_again(&mut self) {
        self.process = spawn(self.folder.path(), &self.options);
        self.connection();
    }

    /// A blocking connection, as soon as the server answers.
    pub(crate) fn connection(&self) -> redis::Connection {
        connection(&self.url())
    }

    /// Lets every key with a time to live be older by this.
    pub(crate) fn age(&self, time: Duration) {
        let mut connection = self.connection();
        let time = i64::try_from(time.as_millis()).unwrap();
        for key in self.keys() {
            let left: i64 = redis::cmd("PTTL").arg(&key).query(&mut connection).unwrap();
            if left >= 0 {
                redis::cmd("PEXPIRE").arg(&key).arg(left - time).exec(&mut connection).unwrap();
            }
        }
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        redis::cmd("KEYS").arg("*").query(&mut self.connection()).unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Three servers that share the slots.
pub(crate) struct RedisCluster {
    _folders: Vec<tempfile::TempDir>,
    nodes: Vec<(u16, Child)>,
}

impl RedisCluster {
    pub(crate) fn start() -> Self {
        let (mut folders, mut nodes) = (Vec::new(), Vec::new());
        for _ in 0..NODES {
            let (folder, port, process) = start_node();
            folders.push(folder);
            nodes.push((port, process));
        }
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]);
        create.args(nodes.iter().map(|(port, _)| format!("127.0.0.1:{port}")));
        let created = create.args(["--cluster-yes"]).output().unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        let cluster = Self { _folders: folders, nodes };
        // A node that was told last may not have heard of the others yet.
        for url in cluster.urls() {
            let mut connection = connection(&url);
            let give_up = Instant::now() + PATIENCE;
            loop {
                let info: String =
                    redis::cmd("CLUSTER").arg("INFO").query(&mut connection).unwrap();
                if info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3") {
                    break;
                }
                assert!(Instant::now() < give_up, "{info}");
                std::thread::yield_now();
            }
        }
        cluster
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|(port, _)| format!("redis://127.0.0.1:{port}")).collect()
    }
}

impl Drop for RedisCluster {
    fn drop(&mut self) {
        for (_, process) in &mut self.nodes {
            _ = process.kill();
            _ = process.wait();
        }
    }
}

/// A node needs a port that others can name, and a second one at a fixed distance. Somebody may take
/// either before the node does: then another pair is tried.
fn start_node() -> (tempfile::TempDir, u16, Child) {
    loop {
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let Some(bus) = port.checked_add(BUS_OFFSET) else { continue };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, bus)).is_err() {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let port_text = port.to_string();
        let options = ["--port", &port_text, "--bind", "127.0.0.1", "--save", ""];
        let options =
            options.into_iter().chain(["--appendonly", "yes", "--cluster-enabled", "yes"]);
        let options: Vec<_> = options.map(str::to_owned).collect();
        let mut process = spawn(folder.path(), &options);
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
        loop {
            if client.get_connection().is_ok() {
                return (folder, port, process);
            }
            if process.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::yield_now();
        }
    }
}

fn spawn(folder: &Path, options: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--daemonize", "no"])
        .args(options)
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "redis-server cannot be started: {error}; install Redis 7 or later, for example \
                 with: apt-get install redis-server"
            )
        })
}

fn connection(url: &str) -> redis::Connection {
    let client = redis::Client::open(url).unwrap();
    let give_up = Instant::now() + PATIENCE;
    loop {
        if let Ok(mut connection) = client.get_connection()
            && redis::cmd("PING").exec(&mut connection).is_ok()
        {
            return connection;
        }
        assert!(Instant::now() < give_up, "the server does not answer");
        std::thread::yield_now();
    }
}
