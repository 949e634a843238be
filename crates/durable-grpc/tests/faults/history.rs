//! What the processes write down, line by line, and what the store says at the end.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    sync::Mutex,
    time::SystemTime,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use crate::plan::Kind;

/// The number that names a call within its story, whatever ids and keys it gets.
pub(crate) type Label = u32;

/// What happened, and when. All processes of a story share the clock of one machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct At<E> {
    /// Microseconds since 1970.
    pub(crate) us: u64,
    pub(crate) event: E,
}

/// The caller's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Told {
    /// Written before the call is made, each time it is.
    Submitted { label: Label, kind: Kind },
    /// A detached call was persisted.
    Accepted { label: Label, call: String },
    /// The callee answered: OK or a refusal.
    Answered { label: Label, call: String, answer: String },
    /// A status of the library.
    Failed { label: Label, call: Option<String>, failure: Failure },
}

/// What a status of the library said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) outcome: Outcome,
    /// How the call ended, if it did.
    pub(crate) end: Option<String>,
    /// How long the caller meant to wait. How long it did says less: it may have stood still.
    pub(crate) wait_ms: u64,
    /// Whether the store knew an end of this call right after the wait for it had ended.
    pub(crate) had_ended: bool,
}

/// `durable_grpc::Outcome`, for the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    NotAccepted,
    Unknown,
    Mismatch,
}

/// The callee's history: one entry for each effect, on disk before anybody hears of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Executed {
    pub(crate) label: Label,
    pub(crate) call: String,
    pub(crate) method: String,
    pub(crate) attempt: u32,
    /// Counts the effects of the story.
    pub(crate) effect: u64,
    /// The answer that belongs to this effect; `None` when the callee only asked to try again.
    pub(crate) answer: Option<String>,
}

/// A worker's history: what its store told it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Handled {
    /// The call is in the hands of this owner.
    Claimed { call: String, owner: String, delivery: u64 },
    /// The owner said what became of it, and was heard or fenced.
    Finished { call: String, owner: String, delivery: u64, heard: bool, began_us: u64 },
}

/// What the store says when everything is over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dump {
    pub(crate) calls: Vec<Kept>,
    pub(crate) dead: Vec<DeadCall>,
    /// How many dead letters the lane's figures claim.
    pub(crate) dead_counted: u64,
}

/// A call as the store knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) label: Label,
    pub(crate) call: Option<String>,
    pub(crate) stands: Stands,
}

/// Where a call stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Stands {
    /// The store does not know it, or no longer.
    Gone,
    Waiting,
    Running,
    Ended {
        end: String,
        answer: Option<String>,
    },
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeadCall {
    pub(crate) label: Label,
    pub(crate) call: String,
    pub(crate) end: String,
}

/// Everything that was written down about a story.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histories {
    pub(crate) caller: Vec<At<Told>>,
    pub(crate) callee: Vec<At<Executed>>,
    pub(crate) workers: Vec<At<Handled>>,
    pub(crate) store: Dump,
}

pub(crate) const CALLER: &str = "caller.jsonl";
pub(crate) const CALLEE: &str = "callee.jsonl";
/// Each worker has a file of its own, under this prefix.
pub(crate) const WORKER: &str = "worker-";
pub(crate) const DUMP: &str = "dump.json";

impl Histories {
    /// Reads what the processes of a story left in its folder.
    pub(crate) fn read(folder: &Path) -> Self {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let of_workers =
            files.filter(|file| file.file_name().to_string_lossy().starts_with(WORKER));
        let mut workers: Vec<At<Handled>> =
            of_workers.flat_map(|file| read(&file.path())).collect();
        workers.sort_by_key(|entry| entry.us);
        Self {
            caller: read(&folder.join(CALLER)),
            callee: read(&folder.join(CALLEE)),
            workers,
            store: serde_json::from_slice(&fs::read(folder.join(DUMP)).unwrap()).unwrap(),
        }
    }
}

/// A file to which one process at a time appends its history.
pub(crate) struct Journal(Mutex<File>);

impl Journal {
    pub(crate) fn append_to(path: &Path) -> Self {
        Self(Mutex::new(File::options().create(true).append(true).open(path).unwrap()))
    }

    /// Adds a line. One write, so that a kill leaves a whole line or none.
    pub(crate) fn add<E: Serialize>(&self, event: E) {
        let mut file = self.0.lock().unwrap();
        file.write_all(&line(event)).unwrap();
    }

    /// Adds a line and waits until the disk has it.
    pub(crate) fn add_synced<E: Serialize>(&self, event: E) {
        let mut file = self.0.lock().unwrap();
        file.write_all(&line(event)).unwrap();
        file.sync_data().unwrap();
    }
}

fn line<E: Serialize>(event: E) -> Vec<u8> {
    let mut line = serde_json::to_vec(&At { us: now_us(), event }).unwrap();
    line.push(b'\n');
    line
}

/// The entries of a history; none when it was never begun.
pub(crate) fn read<E: DeserializeOwned>(path: &Path) -> Vec<At<E>> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}

/// Tells answers apart. Eight bytes are enough for the answers of a story.
pub(crate) fn digest(answer: &[u8]) -> String {
    Sha256::digest(answer)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
