//! The demo as a process that can be killed.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;

/// The whole story takes seconds; an unoptimised build beside other tests takes longer.
const LIMIT: Duration = Duration::from_secs(300);

/// A story: the same arguments each time it is started.
pub(crate) struct Demo {
    pub(crate) data: PathBuf,
    pub(crate) entries: PathBuf,
    pub(crate) seed: u64,
}

/// A process that tells it.
pub(crate) struct Running {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    lines: Receiver<String>,
    phases: Vec<String>,
    errors: Vec<String>,
    deadline: Instant,
}

/// A process that has ended by itself.
pub(crate) struct Ended {
    /// The phases that it named, in their order.
    pub(crate) phases: Vec<String>,
    stdout: String,
}

impl Demo {
    pub(crate) fn start(&self) -> Running {
        let mut child = Command::new(env!("CARGO_BIN_EXE_handsel"))
            .args(["demo", "--exit", "--json", "--seed", &self.seed.to_string(), "--data"])
            .arg(&self.data)
            .arg("--entries")
            .arg(&self.entries)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().map(|stdout| thread::spawn(|| read(stdout)));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let deadline = Instant::now() + LIMIT;
        Running { child, stdout, lines, phases: vec![], errors: vec![], deadline }
    }
}

impl Running {
    /// Waits until a phase begins. A phase that an earlier run finished does not begin again; then
    /// this waits for the end.
    pub(crate) fn wait_for(&mut self, phase: &str) {
        while self.phases.last().is_none_or(|last| last != phase) {
            if !self.next_line() {
                return;
            }
        }
    }

    /// SIGKILL, after so many milliseconds.
    pub(crate) fn kill_after(mut self, ms: u64) {
        // The moment is chosen by the clock: that is what a kill at a random moment means.
        let moment = Instant::now() + Duration::from_millis(ms);
        while let Some(left) = moment.checked_duration_since(Instant::now()) {
            match self.lines.recv_timeout(left) {
                Ok(_) => {}
                // The moment has come, or it has ended before.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end, which must be a success.
    pub(crate) fn end(mut self) -> Ended {
        while self.next_line() {}
        let status = self.child.wait().unwrap();
        let stdout = self.stdout.take().unwrap().join().unwrap();
        assert!(
            status.success(),
            "the demo ended with {status}\n{}\n{stdout}",
            self.errors.join("\n")
        );
        Ended { phases: self.phases, stdout }
    }

    /// Takes one line of standard error; `false` at its end.
    fn next_line(&mut self) -> bool {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) => {
                match line.strip_prefix("phase: ") {
                    Some(phase) => self.phases.push(phase.to_owned()),
                    None => self.errors.push(line),
                }
                true
            }
            Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => {
                self.child.kill().unwrap();
                panic!(
                    "the demo did not end within {LIMIT:?}; it was in {:?}\n{}",
                    self.phases.last(),
                    self.errors.join("\n")
                );
            }
        }
    }
}

impl Ended {
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

fn read(mut stdout: ChildStdout) -> String {
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    text
}
