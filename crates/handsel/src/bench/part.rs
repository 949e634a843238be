//! A further process of a bench: this program again, in a role.
//!
//! It lives as long as its standard input is open. That closes when the bench lets go of it, and also
//! when the bench is killed, so that nothing stays behind.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    os::unix::process::CommandExt as _,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::{sync::oneshot, task::spawn_blocking, time::timeout};

/// Where a worker finds the address of its Redis server. An address may hold a password, and
/// arguments can be read by everybody on the machine.
pub(super) const REDIS_URL_ENV: &str = "HANDSEL_BENCH_REDIS_URL";

/// The slowest role starts a server and waits until that answers.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How long a role may take to end by itself, with what it has started, before it is killed.
const END_LIMIT: Duration = Duration::from_secs(5);
/// How often it is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A running process. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Part {
    child: Child,
    /// The line that it said when it was ready.
    pub(super) said: String,
}

impl Part {
    /// Starts a role and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready. Why, it says itself on standard error.
    pub(super) async fn start(
        role: &str,
        args: &[&str],
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let (mut part, mut stdout) = Self::spawn(role, args, settings)?;
        let first_line = spawn_blocking(move || {
            let mut line = String::new();
            stdout.read_line(&mut line).map(|_| line)
        });
        let line = timeout(START_LIMIT, first_line).await.with_context(|| {
            format!("the process `{role}` was not ready in {START_LIMIT:?}")
        })???;
        part.said = line.trim_end().to_owned();
        anyhow::ensure!(!part.said.is_empty(), "the process `{role}` ended before it was ready");
        Ok(part)
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets a role do its work until it ends by itself, and tells what it said.
    ///
    /// # Errors
    /// When it fails, or does not end in time. Why, it says itself on standard error.
    pub(super) async fn done(
        role: &str,
        args: &[&str],
        settings: &[(&str, &str)],
        limit: Duration,
    ) -> anyhow::Result<String> {
        let (mut part, mut stdout) = Self::spawn(role, args, settings)?;
        let all = spawn_blocking(move || {
            let mut all = String::new();
            stdout.read_to_string(&mut all).map(|_| all)
        });
        let said = timeout(limit, all)
            .await
            .with_context(|| format!("the process `{role}` did not end in {limit:?}"))???;
        // It has closed its output, which it does when it ends.
        let status = part.child.wait()?;
        anyhow::ensure!(status.success(), "the process `{role}` failed");
        Ok(said)
    }

    fn spawn(
        role: &str,
        args: &[&str],
        settings: &[(&str, &str)],
    ) -> anyhow::Result<(Self, BufReader<ChildStdout>)> {
        let program = std::env::current_exe().context("this program cannot be found")?;
        let child = Command::new(program)
            .args(["bench", "part", role])
            .args(args)
            .envs(settings.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C at a terminal goes to a whole group. The bench alone answers it, and ends the
            // others in their order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("the process `{role}` cannot be started"))?;
        let mut part = Self { child, said: String::new() };
        let stdout = part.child.stdout.take().context("it has an output")?;
        Ok((part, BufReader::new(stdout)))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let patience = Instant::now() + END_LIMIT;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < patience {
            thread::sleep(LOOK_EVERY);
        }
        // Both fail when it has ended, which is all that is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Resolves when the standard input of this process closes: whoever started it has let go or is gone.
pub(super) async fn let_go() {
    let (closed, is_closed) = oneshot::channel();
    // A thread of its own and not the runtime's: those are waited for when a runtime ends.
    thread::spawn(move || {
        let mut ignored = [0; 64];
        while matches!(std::io::stdin().lock().read(&mut ignored), Ok(1..)) {}
        // Nobody listens any more when the role has ended by itself.
        _ = closed.send(());
    });
    _ = is_closed.await;
}
