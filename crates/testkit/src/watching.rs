//! People who watch a giveaway, with the official client for Socket.IO: `e2e/watch.mjs`.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// A crowd that watches one room, over all transports. Killed with this value.
#[derive(Debug)]
pub struct Watching(Child);

/// What a crowd saw.
#[derive(Clone, Debug)]
pub struct Seen {
    /// All of them saw the same, each in order and without holes.
    pub agrees: bool,
    /// The giveaway had ended.
    pub has_ended: bool,
    /// What each of them says.
    pub report: Value,
}

impl Watching {
    /// So many people watch a room, at these gateways in turn.
    ///
    /// # Panics
    /// When Node.js, or what `npm ci` installs in `e2e`, is missing.
    pub fn start(gateways: &[String], room: &str, clients: u32) -> Self {
        let folder = e2e();
        assert!(
            folder.join("node_modules/socket.io-client").exists(),
            "the official client is missing; run `npm ci` in {}",
            folder.display()
        );
        let child = Command::new("node")
            .arg(folder.join("watch.mjs"))
            .args(["--urls", &gateways.join(","), "--room", room])
            .args(["--clients", &clients.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("no node");
        Self(child)
    }

    /// What they saw, once they saw the end of the giveaway. Who was just cut off gets a moment to come back
    /// first.
    ///
    /// # Panics
    /// When they say nothing.
    pub async fn seen(mut self) -> Seen {
        drop(self.0.stdin.take());
        let said = tokio::task::spawn_blocking(move || {
            let mut said = String::new();
            let mut output = self.0.stdout.take().expect("no output");
            std::io::Read::read_to_string(&mut output, &mut said).expect("no text");
            said
        });
        let said = said.await.expect("no output");
        let last = said.lines().last().unwrap_or_default();
        let report: Value = serde_json::from_str(last).expect("no report");
        Seen { agrees: report["agree"] == true, has_ended: report["ended"] == true, report }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Where the programs for Node.js are.
pub fn e2e() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e")
}
