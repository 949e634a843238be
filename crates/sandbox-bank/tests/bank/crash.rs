//! `kill -9` at random moments: nothing that was answered is lost, nothing is doubled.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tokio::sync::mpsc;

use crate::support::{API_KEY, Api, Receiver, WEBHOOK_SECRET};

const KILLS: u64 = 12;
const SENDERS: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_bank_neither_loses_nor_doubles() {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start().await;
    let mut answered: HashMap<String, String> = HashMap::new();
    let mut sent = 0_u64;
    for round in 0..KILLS {
        let (process, base) = start(folder.path(), &receiver.url);
        let (progress, mut answers) = mpsc::unbounded_channel();
        let senders = (0..SENDERS).map(|sender| {
            let (api, progress) = (Api::at(&base), progress.clone());
            tokio::spawn(async move { send_until_killed(api, round, sender, progress).await })
        });
        let senders: Vec<_> = senders.collect();
        // Each round dies at another moment: by the count of answers, while others are under way.
        for _ in 0..(round * 7) % 23 {
            answers.recv().await.unwrap();
        }
        drop(process);
        for sender in senders {
            let (attempted, paid) = sender.await.unwrap();
            sent += attempted;
            answered.extend(paid);
        }
    }

    let (process, base) = start(folder.path(), &receiver.url);
    let api = Api::at(&base);
    // What the clients do not know they send again: one effect each, the same answer as before.
    let mut references = Vec::new();
    for (round, sender) in (0..KILLS).flat_map(|round| (0..SENDERS).map(move |s| (round, s))) {
        for number in 0.. {
            let reference = reference(round, sender, number);
            let known = answered.get(&reference);
            let is_last = known.is_none();
            let reply = api.transfer(&reference, 5).await.expect(201);
            if let Some(id) = known {
                assert_eq!(reply["id"], *id, "{reference} was answered before the crash");
            }
            references.push(reference);
            if is_last {
                break;
            }
        }
    }
    let log = api.log().await;
    let mut effects: HashMap<&str, u32> = HashMap::new();
    for entry in &log {
        *effects.entry(entry["reference"].as_str().unwrap()).or_default() += 1;
    }
    assert_eq!(effects.len(), references.len());
    assert!(effects.values().all(|count| *count == 1), "doubled: {effects:?}");
    assert!(sent > KILLS, "the senders must have got somewhere: {sent}");

    let mut announced = HashSet::new();
    while announced.len() < references.len() {
        let arrival = receiver.next().await;
        announced.insert(arrival.body["data"]["reference"].as_str().unwrap().to_owned());
    }
    drop(process);
}

/// A bank as a process of its own, killed with SIGKILL when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already, after a failure of its own.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends one transfer after the other until the bank is gone: how many, and the ids of those that
/// were answered.
async fn send_until_killed(
    api: Api,
    round: u64,
    sender: u64,
    progress: mpsc::UnboundedSender<()>,
) -> (u64, HashMap<String, String>) {
    let mut paid = HashMap::new();
    for number in 0.. {
        let reference = reference(round, sender, number);
        match api.try_transfer(&reference, 5).await {
            Ok(reply) => {
                let id = reply.expect(201)["id"].as_str().unwrap().to_owned();
                paid.insert(reference, id);
                // The round may have had its count already.
                let _ = progress.send(());
            }
            Err(_) => return (number + 1, paid),
        }
    }
    unreachable!("the bank is killed in every round");
}

fn reference(round: u64, sender: u64, number: u64) -> String {
    format!("stl_{round}_{sender}_{number}")
}

/// Starts the bank as a process; its first line is its address.
fn start(folder: &Path, webhook_url: &str) -> (Process, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sandbox-bank"))
        .env("SANDBOX_BANK_FILE", folder.join("bank.db"))
        .env("SANDBOX_BANK_API_KEY", API_KEY)
        .env("SANDBOX_BANK_WEBHOOK_SECRET", WEBHOOK_SECRET)
        .env("SANDBOX_BANK_WEBHOOK_URL", webhook_url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
    (Process(child), address.trim().to_owned())
}
