//! A story: a folder, a seed, a callee behind a network that can fail, and an end that is checked.

use std::{fs, path::PathBuf, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{
    check::check,
    eventually::eventually,
    history::{CALLEE, CALLER, Histories},
    process::{Callee, Process, start_callee},
    proxy::{Mode, Proxy},
    roles::ATTEMPT_TIMEOUT,
};

/// How much the caller writes between two faults, in bytes: a line is about two hundred. Enough for
/// a load to build up, and random, so that each fault comes in the middle of something else.
const BETWEEN: std::ops::Range<u64> = 10_000..200_000;
/// How long a connection stays mute: attempts on it run into their timeout, and some do so twice.
const MUTE: Duration = ATTEMPT_TIMEOUT.saturating_mul(2);
/// How long a process stands still: attempts run into its own timer, and into that of the callee,
/// which is told a second more.
pub(crate) const STILL: Duration = ATTEMPT_TIMEOUT.saturating_add(Duration::from_millis(1500));

/// What every story has.
pub(crate) struct Story {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) seed: u64,
    pub(crate) rng: StdRng,
    pub(crate) callee: Option<Process>,
    pub(crate) to_callee: Proxy,
}

impl Story {
    pub(crate) async fn begin(name: &str, seed: u64) -> Self {
        println!("{name}: HANDSEL_SEED={seed}");
        let folder = tempfile::tempdir().unwrap();
        let (callee, address) = start_callee(folder.path()).await;
        let to_callee = Proxy::start(Mode::Pass(address)).await;
        let rng = StdRng::seed_from_u64(seed);
        Self { folder, seed, rng, callee: Some(callee), to_callee }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(crate) const fn callee(&self) -> Callee {
        Callee(self.to_callee.address)
    }

    /// Lets the load go on for a random while.
    pub(crate) async fn go_on(&mut self) {
        let more = self.rng.random_range(BETWEEN);
        self.written(more).await;
    }

    /// Waits until the caller has written so much more.
    pub(crate) async fn written(&self, more: u64) {
        self.grown(CALLER, more).await;
    }

    /// Waits until the callee has executed something.
    pub(crate) async fn executed(&self) {
        self.grown(CALLEE, 1).await;
    }

    async fn grown(&self, file: &str, more: u64) {
        let path = self.folder.path().join(file);
        let length = || fs::metadata(&path).map_or(0, |file| file.len());
        let enough = length() + more;
        eventually(&format!("{file} grows"), async || (length() >= enough).then_some(())).await;
    }

    /// SIGKILL for the callee. For a random while it is not there at all.
    pub(crate) async fn kill_callee(&mut self) {
        self.to_callee.set(Mode::Refuse);
        self.callee.take().unwrap().kill();
        let (callee, address) = start_callee(self.folder.path()).await;
        self.callee = Some(callee);
        self.to_callee.set(Mode::Pass(address));
    }

    /// Nothing gets through for a while; then all connections are closed.
    pub(crate) async fn mute_callee(&mut self) {
        hush(&self.to_callee).await;
    }

    /// Checks what everybody wrote down, and keeps it for whoever looks into a failure.
    pub(crate) fn check(self, name: &str) -> Histories {
        let histories = Histories::read(self.folder.path());
        let violations = check(&histories);
        println!(
            "{name}: {} lines of the caller, {} effects, {} dead letters",
            histories.caller.len(),
            histories.callee.len(),
            histories.store.dead.len(),
        );
        if !violations.is_empty() {
            let kept = self.folder.keep();
            panic!("{name}: {violations:?}\nthe histories are in {}", kept.display());
        }
        histories
    }
}

/// Mutes a connection for a while, then cuts it and lets new connections pass.
pub(crate) async fn hush(proxy: &Proxy) {
    let before = proxy.mode();
    proxy.set(Mode::Mute);
    pass(MUTE).await;
    proxy.cut().await;
    proxy.set(before);
}

/// Stops a process and lets it go on, as a machine does that is paused.
pub(crate) async fn stand_still(process: &Process, time: Duration) {
    process.signal("STOP");
    pass(time).await;
    process.signal("CONT");
}

/// Lets time pass. The moment is chosen by the clock: what a fault lasts is a length of time, and
/// nothing announces that it has been long enough.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// The seed of a story: what the environment says, or a new one.
pub(crate) fn seed() -> u64 {
    std::env::var("HANDSEL_SEED")
        .map_or_else(|_| rand::random::<u32>().into(), |seed| seed.parse().unwrap())
}

/// How often each story is told, each time with another seed.
pub(crate) fn rounds() -> u64 {
    std::env::var("HANDSEL_FAULT_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap())
}
