//! The processes of a story: this binary again, with a role.

use std::{
    env,
    fs::{self, File},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    thread,
};

use serde::{Deserialize, Serialize};

use crate::eventually::eventually;

/// Holds the role of a process of a story.
const ROLE: &str = "HANDSEL_FAULT_ROLE";
/// Tells the caller to make no further calls.
const FINISH: &str = "finish";
/// Where the callee says that it listens.
const CALLEE_ADDRESS: &str = "callee.address";

/// What a process is there for. It works in the story's folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Role {
    Callee {
        folder: PathBuf,
    },
    /// Makes calls. With a callee it is the worker as well.
    Caller {
        folder: PathBuf,
        store: Store,
        callee: Option<Callee>,
        seed: u64,
    },
    Worker {
        folder: PathBuf,
        store: Store,
        callee: Callee,
    },
    /// Ends the story. With a callee it is the worker as well.
    Settle {
        folder: PathBuf,
        store: Store,
        callee: Option<Callee>,
        seed: u64,
    },
}

/// The store of a story.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Store {
    Sqlite(PathBuf),
    #[cfg(feature = "redis")]
    Redis(String),
}

/// Where a worker reaches the callee.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Callee(pub(crate) SocketAddr);

/// The role of this process, if it is one of a story.
pub(crate) fn role() -> Option<Role> {
    env::var(ROLE).ok().map(|role| serde_json::from_str(&role).unwrap())
}

/// Ends this process when the test that started it is gone, however that ended.
pub(crate) fn end_with_the_test() {
    thread::spawn(|| {
        // The test holds the other end and writes nothing.
        _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(1);
    });
}

/// A running process. It is killed when it is dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a process. What it prints goes into the story's folder.
    pub(crate) fn start(name: &str, folder: &Path, role: &Role) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "process", "--nocapture"])
            .env(ROLE, serde_json::to_string(role).unwrap())
            .stdin(Stdio::piped())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self { name: name.to_owned(), child, log }
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.assert_runs();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGSTOP or SIGCONT, which the standard library does not send.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", signal, &pid]).status();
        assert!(sent.unwrap().success(), "{signal} could not be sent to {}", self.name);
    }

    /// Waits until the process has ended by itself, which must be a success.
    pub(crate) async fn end(mut self) {
        let what = format!("{} ends", self.name);
        let status = eventually(&what, async || self.child.try_wait().unwrap()).await;
        assert!(status.success(), "{} ended with {status}\n{}", self.name, self.printed());
    }

    /// Fails at once when the process has died of something else than the story.
    pub(crate) fn assert_runs(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} ended early with {status}\n{}", self.name, self.printed());
        }
    }

    fn printed(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended; then there is nothing to kill.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Tells the caller of this story to make no further calls.
pub(crate) fn finish(folder: &Path) {
    fs::write(folder.join(FINISH), "").unwrap();
}

/// Whether the caller has been told so.
pub(crate) fn is_to_finish(folder: &Path) -> bool {
    folder.join(FINISH).exists()
}

/// Says where the callee listens. The file appears whole or not at all.
pub(crate) fn announce(folder: &Path, address: SocketAddr) {
    let unfinished = folder.join("callee.address.new");
    fs::write(&unfinished, address.to_string()).unwrap();
    fs::rename(unfinished, folder.join(CALLEE_ADDRESS)).unwrap();
}

/// Starts the callee and waits until it listens.
pub(crate) async fn start_callee(folder: &Path) -> (Process, SocketAddr) {
    let path = folder.join(CALLEE_ADDRESS);
    _ = fs::remove_file(&path);
    let mut process = Process::start("callee", folder, &Role::Callee { folder: folder.to_owned() });
    let address = eventually("the callee listens", async || {
        process.assert_runs();
        fs::read_to_string(&path).ok()
    });
    let address = address.await.parse().unwrap();
    (process, address)
}
