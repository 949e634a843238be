//! The transcript is checked as a stranger would check it.

use std::{io::BufReader, path::PathBuf};

use anyhow::Context as _;
use draw::verify::{Options, Report, Verdict, verify_reader};
use platform::keys::write_atomically;

use crate::demo::Demo;

pub(super) async fn play(demo: &mut Demo) -> anyhow::Result<()> {
    let (path, report) = fetch_and_verify(demo).await?;
    demo.story.say(format_args!(
        "{} steps recomputed from {}, offline: the winners follow from commitment and round.",
        report.steps.len(),
        path.display()
    ));
    demo.story.say(format_args!(
        "The sandbox beacon proves nothing about fairness, and the verifier says so (exit code 3)."
    ));
    Ok(())
}

/// Downloads the transcript into the data folder and verifies it with what was noted before the
/// draw.
///
/// # Errors
/// Names the step that failed.
pub(super) async fn fetch_and_verify(demo: &Demo) -> anyhow::Result<(PathBuf, Report)> {
    let id = demo.state.giveaway()?;
    let bytes =
        demo.client.get(format!("/api/giveaway/v1/giveaways/{id}/transcript")).bytes().await?;
    let path = demo.transcript_path()?;
    write_atomically(&path, &bytes)?;
    let known = demo.state.known();
    let options = Options {
        expected_key: known.instance_key.as_deref().map(str::parse).transpose()?,
        seen: known.seen.as_deref().map(str::parse).transpose()?,
        receipt: None,
    };
    let file = std::fs::File::open(&path)?;
    let report = tokio::task::spawn_blocking(move || verify_reader(BufReader::new(file), &options))
        .await?
        .with_context(|| format!("{} cannot be read", path.display()))?;
    if let Some((step, reason)) = report.failed() {
        anyhow::bail!("the transcript was rejected at the step {step}: {reason}");
    }
    anyhow::ensure!(
        report.verdict() != Verdict::Rejected,
        "the transcript was rejected without a step"
    );
    Ok((path, report))
}

impl Demo {
    /// Where the transcript is kept.
    pub(crate) fn transcript_path(&self) -> anyhow::Result<PathBuf> {
        Ok(self.config.data_dir.join(format!("transcript-{}.json", self.state.giveaway()?)))
    }
}
