//! How far the story is. Written whole after every step that would be tedious to look up, in a way
//! that a crash leaves either the old file or the new one.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use platform::keys::write_atomically;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::phases::Phase;

/// The file in a demo's data folder. It holds card codes, as a winner would keep them, and is
/// readable by its owner only.
const FILE: &str = "demo.json";

/// What the story knows.
#[derive(Debug)]
pub(crate) struct State {
    path: PathBuf,
    fresh: bool,
    known: Known,
}

/// The file's content.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    /// Every choice follows from it.
    pub(crate) seed: u64,
    /// Phases that are over, with their time in milliseconds.
    pub(crate) phases_ms: BTreeMap<String, u64>,
    /// The host.
    pub(crate) host: Option<String>,
    /// Merchants, in the order of the cast.
    pub(crate) merchants: Vec<String>,
    /// Their products, in the same order.
    pub(crate) products: Vec<String>,
    /// The giveaway.
    pub(crate) giveaway: Option<String>,
    /// What the system said about the file of entrants.
    pub(crate) imported: Option<Value>,
    /// The hash of the manifest, noted before the draw as an entrant would.
    pub(crate) seen: Option<String>,
    /// The key that the instance signs with, noted at the same time.
    pub(crate) instance_key: Option<String>,
    /// Winner id → the card that was revealed.
    pub(crate) cards: BTreeMap<String, Card>,
}

/// A card in a winner's hand.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Card {
    /// Its id.
    pub(crate) id: String,
    /// The prize unit that it came from.
    pub(crate) unit: String,
    /// Which of the products it belongs to.
    pub(crate) merchant_name: String,
    /// Its value.
    pub(crate) minor: i64,
    /// What is shown at the till.
    pub(crate) code: String,
}

impl std::fmt::Debug for Card {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Card")
            .field("id", &self.id)
            .field("minor", &self.minor)
            .finish_non_exhaustive()
    }
}

impl State {
    /// Reads the state of an earlier run, or begins anew.
    ///
    /// # Errors
    /// When the folder holds a story with another seed, or the file is damaged.
    pub(crate) fn open(data_dir: &Path, seed: u64) -> anyhow::Result<Self> {
        let path = data_dir.join(FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let known = Known { seed, ..Known::default() };
                return Ok(Self { path, fresh: true, known });
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let known: Known = serde_json::from_slice(&text)
            .with_context(|| format!("{} does not hold a demo's state", path.display()))?;
        anyhow::ensure!(
            known.seed == seed,
            "--seed: {} holds a story with the seed {}, which cannot go on with {seed}",
            data_dir.display(),
            known.seed
        );
        Ok(Self { path, fresh: false, known })
    }

    /// Whether this run began the story.
    pub(crate) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// What is known.
    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    /// Learns something, durably.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn learn(&mut self, change: impl FnOnce(&mut Known)) -> anyhow::Result<()> {
        change(&mut self.known);
        write_atomically(&self.path, &serde_json::to_vec_pretty(&self.known)?)
    }

    /// Whether a phase is over.
    pub(crate) fn is_done(&self, phase: Phase) -> bool {
        self.known.phases_ms.contains_key(phase.name())
    }

    /// Notes that a phase is over.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn finish(&mut self, phase: Phase, took: Duration) -> anyhow::Result<()> {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.learn(|known| {
            known.phases_ms.insert(phase.name().to_owned(), ms);
        })
    }

    /// The giveaway's id, once it is known.
    ///
    /// # Errors
    /// Before it is.
    pub(crate) fn giveaway(&self) -> anyhow::Result<&str> {
        self.known.giveaway.as_deref().context("there is no giveaway yet")
    }

    /// The key of a money step: the same in every run of the same story.
    pub(crate) fn key(&self, step: &str) -> String {
        format!("demo-{}-{step}", self.known.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_goes_on_where_it_was_and_with_its_own_seed_only() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(dir.path(), 7).unwrap();
        assert!(state.is_fresh() && !state.is_done(Phase::Setup));
        state.learn(|known| known.host = Some("hst_1".into())).unwrap();
        state.finish(Phase::Setup, Duration::from_millis(12)).unwrap();

        let again = State::open(dir.path(), 7).unwrap();
        assert!(!again.is_fresh() && again.is_done(Phase::Setup));
        assert!(!again.is_done(Phase::TopUp));
        assert_eq!(again.known().host.as_deref(), Some("hst_1"));
        assert_eq!(again.key("publish"), state.key("publish"));
        assert!(State::open(dir.path(), 8).unwrap_err().to_string().contains("--seed"));
    }
}
