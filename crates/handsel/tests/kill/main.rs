//! The demo is killed with SIGKILL at random moments of every phase, and during its recovery, and
//! has to end as if nothing had happened.
//!
//! One story is killed once in every phase. Then each of [`STORIES`] stories has a kill of its own;
//! `HANDSEL_KILLS=36`, as in `bin/test`, tells as many as make three for each phase.
//! `HANDSEL_SEED` repeats a run.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(
    clippy::print_stdout,
    reason = "a failed run is repeated by the seed and kills it printed"
)]

mod oracle;
mod process;

use std::path::{Path, PathBuf};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;

use process::{Demo, Ended};

/// Entrants of each story: enough for every kind of row, few enough for many stories.
const ROWS: u32 = 400;

/// Stories with a kill of their own unless `HANDSEL_KILLS` says otherwise: a quick look.
const STORIES: usize = 4;

/// After a kill, the next start is killed as well with this probability, so many milliseconds in.
const RECOVERY_KILL: f64 = 0.4;
const RECOVERY_MS: u64 = 600;

/// A folder per story, and the file that all of them read.
struct Stage {
    folder: tempfile::TempDir,
    entries: PathBuf,
    seed: u64,
}

/// What the undisturbed story came to.
struct Undisturbed {
    report: Value,
    /// Phases in their order, with their time in milliseconds.
    phases: Vec<(String, u64)>,
}

impl Stage {
    fn new() -> Self {
        let seed = std::env::var("HANDSEL_SEED")
            .ok()
            .map_or_else(|| rand::random::<u32>().into(), |seed| seed.parse().unwrap());
        println!("HANDSEL_SEED={seed}");
        let folder = tempfile::tempdir().unwrap();
        let entries = folder.path().join("entrants.csv");
        std::fs::write(&entries, giveaway_api::sample::entrants(seed, ROWS).csv).unwrap();
        Self { folder, entries, seed }
    }

    fn story(&self, name: &str) -> Demo {
        let data = self.folder.path().join(name);
        Demo { data, entries: self.entries.clone(), seed: self.seed }
    }

    fn undisturbed(&self) -> Undisturbed {
        let demo = self.story("undisturbed");
        let ended = demo.start().end();
        let report = ended.report();
        let phases = ended
            .phases
            .iter()
            .map(|phase| (phase.clone(), report["phases_ms"][phase].as_u64().unwrap()))
            .collect();
        oracle::check(&demo.data, &report);
        Undisturbed { report, phases }
    }
}

#[test]
fn a_story_that_is_killed_in_every_phase_ends_as_if_it_was_not() {
    let stage = Stage::new();
    let undisturbed = stage.undisturbed();
    let mut rng = StdRng::seed_from_u64(stage.seed);
    let demo = stage.story("killed");
    let mut kills = 0;
    for (phase, ms) in &undisturbed.phases {
        kills += kill(&demo, phase, *ms, &mut rng);
    }
    println!("{kills} kills in {} phases", undisturbed.phases.len());
    compare(&demo.data, &demo.start().end(), &undisturbed);
}

#[test]
fn stories_that_are_killed_once_end_as_if_they_were_not() {
    let wanted: usize =
        std::env::var("HANDSEL_KILLS").map_or(STORIES, |wanted| wanted.parse().unwrap());
    let stage = Stage::new();
    let undisturbed = stage.undisturbed();
    let mut rng = StdRng::seed_from_u64(stage.seed ^ 1);
    let mut kills = 0;
    for n in 0..wanted {
        let (phase, ms) = &undisturbed.phases[n % undisturbed.phases.len()];
        let demo = stage.story(&format!("killed-{n}"));
        kills += kill(&demo, phase, *ms, &mut rng);
        compare(&demo.data, &demo.start().end(), &undisturbed);
        println!("story {n}: killed in {phase}, ended well");
        std::fs::remove_dir_all(&demo.data).unwrap();
    }
    println!("{kills} kills in {wanted} stories");
}

/// Runs until a random moment of a phase and kills; sometimes kills the next starts as well.
/// Returns the number of kills.
fn kill(demo: &Demo, phase: &str, phase_ms: u64, rng: &mut StdRng) -> u32 {
    let after_ms = rng.random_range(0..=phase_ms);
    println!("kill {after_ms} ms into {phase}");
    let mut running = demo.start();
    running.wait_for(phase);
    running.kill_after(after_ms);
    let mut kills = 1;
    while rng.random_bool(RECOVERY_KILL) {
        let after_ms = rng.random_range(0..=RECOVERY_MS);
        println!("kill {after_ms} ms into the recovery");
        demo.start().kill_after(after_ms);
        kills += 1;
    }
    kills
}

/// Everything that must not depend on kills.
fn compare(data: &Path, ended: &Ended, undisturbed: &Undisturbed) {
    let report = ended.report();
    oracle::check(data, &report);
    for member in [
        "state",
        "rows",
        "malformed",
        "persons",
        "duplicates",
        "persons_verified",
        "eligible",
        "winners",
        "alternates",
        "successions",
        "cards_issued",
        "redeemed_minor",
        "settled_minor",
        "settlements_paid",
    ] {
        assert_eq!(report[member], undisturbed.report[member], "{member}");
    }
}
