//! A private Redis server for one test.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long the server may take to answer, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server without a port: it listens at a socket in its own folder, so that no other process can
/// be in its way.
pub(crate) struct RedisServer {
    folder: tempfile::TempDir,
    process: Child,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Command::new("redis-server")
            .args(["--port", "0", "--unixsocket", "socket", "--save", "", "--daemonize", "no"])
            .args(["--appendonly", "yes", "--appendfsync", "everysec"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "redis-server cannot be started: {error}; install Redis 7 or later, for \
                     example with: apt-get install redis-server"
                )
            });
        let server = Self { folder, process };
        server.connection();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.path().join("socket").display())
    }

    /// A blocking connection, as soon as the server answers.
    pub(crate) fn connection(&self) -> redis::Connection {
        let client = redis::Client::open(self.url()).unwrap();
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

    /// Lets every key with a time to live be older by this.
    pub(crate) fn age(&self, time: Duration) {
        let mut connection = self.connection();
        let time = i64::try_from(time.as_millis()).unwrap();
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        for key in keys {
            let left: i64 = redis::cmd("PTTL").arg(&key).query(&mut connection).unwrap();
            if left >= 0 {
                redis::cmd("PEXPIRE").arg(&key).arg(left - time).exec(&mut connection).unwrap();
            }
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
