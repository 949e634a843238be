//! The story up to the moment that people can enter, for whoever measures that.

use std::path::{Path, PathBuf};

use platform::Shutdown;
use uuid::Uuid;

use super::{Demo, Phase, begin, fleet::Fleet, in_that, pace::Pace, tell_these};
use crate::{cli::DemoArgs, node::Node};

/// What has happened by then.
const UNTIL_OPEN: [Phase; 3] = [Phase::Setup, Phase::TopUp, Phase::Publish];

/// A giveaway that takes entries.
pub(crate) struct Open {
    /// Its id.
    pub(crate) giveaway: String,
    /// Where it takes them, without a slash at the end.
    pub(crate) urls: Vec<String>,
    node: Option<Node>,
}

/// Opens a giveaway at a server of its own, or in a fleet, with its files in `data_dir`.
///
/// # Errors
/// When the story does not get so far.
pub(crate) async fn open(
    fleet: Option<&Path>,
    postgres: Option<String>,
    data_dir: PathBuf,
) -> anyhow::Result<Open> {
    let args = DemoArgs {
        fleet: None,
        entries: None,
        // Of its own, so that no giveaway of an earlier run is found, which may have ended.
        seed: Uuid::new_v4().as_u64_pair().0,
        rows: 1,
        data: None,
        postgres,
        listen: None,
        exit: true,
        // Nothing is printed but by whoever measures.
        json: true,
        progress: false,
    };
    let (node, around) = match fleet {
        Some(file) => {
            let fleet = Fleet::read(file)?;
            (None, in_that(&fleet, data_dir, Pace::LASTING)?)
        }
        None => {
            let (node, around) = begin(&args, data_dir, &Shutdown::new()).await?;
            (Some(node), around)
        }
    };
    let urls = around.addresses.giveaway.clone();
    let mut demo = Demo::new(&args, around)?;
    tell_these(&mut demo, &UNTIL_OPEN).await?;
    Ok(Open { giveaway: demo.state.giveaway()?.to_owned(), urls, node })
}

impl Open {
    /// Ends the server, if it is its own.
    pub(crate) async fn close(self) {
        if let Some(node) = self.node {
            node.stop().await;
        }
    }
}
